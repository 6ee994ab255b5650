"""The vendor's three clients, unmodified: PyPI `replicate` 1.x and 2.x, npm `replicate`."""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import cast

import pytest
from tests.compat.install import REPLICATE_2
from tests.compat.support.programs import Facts, Meet, Meeting, node, python
from tests.support.processes import KEY, Server

TEXT, FILE = "darkroom/echo-text", "darkroom/echo"
PROMPT = "one two\n\nthree"
CROWD, PAGE = 101, 100
PROGRAMS: Mapping[str, Sequence[str | Path]] = {
    "replicate-1": python(sys.executable, "replicate_1.py"),
    "replicate-2": python(REPLICATE_2.python, "replicate_2.py"),
    "replicate-js": node("replicate_js.mjs"),
}
STREAMING = pytest.mark.parametrize("client", ["replicate-1", "replicate-js"])
PYTHON = pytest.mark.parametrize("client", ["replicate-1", "replicate-2"])


@pytest.fixture(scope="module")
def crowd(server: Server) -> Sequence[str]:
    """Ids of more predictions than a page holds."""
    return [str(server.create(TEXT, {"prompt": f"no. {n}"})["id"]) for n in range(CROWD)]


@pytest.fixture(scope="module")
def meetings(meet: Meet, server: Server, crowd: Sequence[str]) -> Callable[[str], Meeting]:
    """Each client's program, run once."""
    assert len(crowd) == CROWD

    @cache
    def met(client: str) -> Meeting:
        return meet(
            PROGRAMS[client],
            REPLICATE_BASE_URL=server.url if client == "replicate-1" else f"{server.url}/v1",
            REPLICATE_API_TOKEN=KEY,
            REPLICATE_POLL_INTERVAL="0.02",
        )

    return met


@pytest.fixture(params=PROGRAMS)
def client(request: pytest.FixtureRequest) -> str:
    return cast("str", request.param)


@pytest.fixture
def meeting(client: str, meetings: Callable[[str], Meeting]) -> Meeting:
    return meetings(client)


# predictions


@pytest.mark.conformance(89)
@pytest.mark.parametrize("step", ["text", "by_version", "polling", "background"])
def test_a_text_model_runs(meeting: Meeting, step: str) -> None:
    assert meeting.told(step)["output"] == PROMPT


@PYTHON
def test_a_text_model_runs_asynchronously(meeting: Meeting) -> None:
    assert meeting.told("asynchronous") == {"output": PROMPT}


@pytest.mark.parametrize("client", ["replicate-2"])
def test_a_model_is_a_function_whose_schema_decides_what_comes_back(meeting: Meeting) -> None:
    assert meeting.told("function") == {"output": PROMPT, "same": True}


def test_a_create_answers_at_once_and_the_prediction_ends_later(meeting: Meeting) -> None:
    told = meeting.told("background")

    assert (told["first"], told["last"]) == ("starting", "succeeded")


@pytest.mark.conformance(67)
def test_a_picture_in_a_data_url_comes_back_as_a_file(meeting: Meeting) -> None:
    assert meeting.told("data_url") == {"wrapped": "FileOutput", "same": True}


@pytest.mark.conformance(57, 67, 89)
def test_an_open_file_is_uploaded_and_reaches_the_model(meeting: Meeting) -> None:
    assert meeting.told("uploaded_input") == {"wrapped": "FileOutput", "same": True}


@STREAMING
@pytest.mark.conformance(68, 71, 89)
def test_text_streams_with_its_line_breaks_and_ends_with_done(meeting: Meeting) -> None:
    told = meeting.told("stream_text")

    assert told["output"] == PROMPT
    assert told["names"] == ["output", "output", "output", "done"]
    assert told["last"] == "{}"


@pytest.mark.parametrize("client", ["replicate-2"])
def test_a_client_that_opens_no_stream_polls(meeting: Meeting) -> None:
    assert meeting.told("stream_text") == {"output": PROMPT}


@STREAMING
@pytest.mark.conformance(73, 89)
def test_a_file_streams_as_its_address(meeting: Meeting) -> None:
    assert meeting.told("stream_file") == {"names": ["output", "done"], "same": True}


@STREAMING
def test_a_failing_stream_raises_what_went_wrong(meeting: Meeting) -> None:
    problem = cast("dict[str, str]", json.loads(str(meeting.told("stream_failure")["message"])))

    assert "port 9 is not spoken to" in problem["detail"]


@pytest.mark.conformance(53, 89)
def test_pages_follow_one_another_without_gap_or_repeat(
    meeting: Meeting, crowd: Sequence[str]
) -> None:
    told = meeting.told("pages")
    sizes, ids = cast("list[int]", told["sizes"]), cast("list[str]", told["ids"])

    assert sizes[0] == PAGE
    assert sum(sizes) == len(set(ids)) > PAGE
    assert ids == sorted(ids, reverse=True)
    assert set(crowd) <= set(ids)


@pytest.mark.conformance(6, 39, 40, 89)
def test_a_cancel_is_final_and_may_be_repeated(meeting: Meeting) -> None:
    told = meeting.told("cancel")

    assert told == {"statuses": ["canceled", "canceled", "canceled"], "completed": True}


@pytest.mark.parametrize("client", ["replicate-js"])
def test_giving_up_cancels_the_prediction(meeting: Meeting) -> None:
    assert meeting.told("abort") == {"status": "canceled"}


@pytest.mark.conformance(42)
def test_a_failed_prediction_raises_its_error(meeting: Meeting) -> None:
    told = meeting.told("failure")

    assert "input image: could not fetch the file" in str(told["message"])
    assert told["status"] == "failed"


NOT_FOUND: Facts = {
    "status": 404,
    "title": None,
    "detail": "The requested resource could not be found.",
}
REFUSED: Mapping[str, Facts] = {
    "unknown version": {
        "status": 422,
        "title": "Invalid version or not permitted",
        "detail": "The specified version does not exist"
        " (or perhaps you don't have permission to use it?)",
    },
    "missing input": {
        "status": 422,
        "title": "Input validation failed",
        "detail": "- input: prompt is required\n",
    },
    "unknown key": {
        "status": 401,
        "title": "Unauthenticated",
        "detail": "You did not pass a valid authentication token",
    },
    "unknown prediction": NOT_FOUND,
    "unknown model": NOT_FOUND,
}


@pytest.mark.parametrize("request_", REFUSED)
def test_a_refusal_reaches_the_user_in_the_wires_words(meeting: Meeting, request_: str) -> None:
    assert meeting.told("refusals")[request_] == REFUSED[request_]


# files and webhooks


@pytest.mark.conformance(57, 58, 61, 89)
def test_a_file_is_kept_listed_and_deleted(meeting: Meeting) -> None:
    told = meeting.told("files")
    afterwards = cast("Facts", told["afterwards"])

    digest = sha256(b"twelve bytes").hexdigest()
    assert told["kept"] == ["note.txt", "text/plain", 12, {"for": "you"}, digest]
    assert (told["listed"], told["same"], told["deleted"]) == (True, True, True)
    assert (afterwards["status"], afterwards["detail"]) == (404, "File not found")


@pytest.mark.conformance(75, 77, 78, 81, 89)
def test_webhooks_are_signed_filtered_and_show_the_prediction(meeting: Meeting) -> None:
    told = meeting.told("webhook")
    bodies = [
        cast("dict[str, object]", json.loads(body)) for body in cast("list[str]", told["bodies"])
    ]
    (ended,) = [body for body in bodies if body["status"] == "succeeded"]

    assert len(bodies) == 2
    assert ended == meeting.server.get(ended["id"])
    assert told["forged"] == "refused"


# models and the rest


@pytest.mark.conformance(56, 82, 83)
def test_models_are_listed_found_and_described(meeting: Meeting) -> None:
    told = meeting.told("models")

    assert {TEXT, FILE} <= set(cast("list[str]", told["listed"]))
    assert TEXT in cast("list[str]", told["found"])
    assert cast("list[object]", told["model"])[:3] == ["darkroom", "echo-text", "public"]
    assert told["versions"] == [told["version"]]
    assert told["inputs"] == ["ms", "prompt"]


@pytest.mark.parametrize("client", ["replicate-2"])
@pytest.mark.conformance(88)
def test_a_model_is_searched_and_explained(meeting: Meeting) -> None:
    told = meeting.told("models")

    assert TEXT in cast("list[str]", told["searched"])
    assert told["readme"] == "# darkroom/echo-text"
    assert told["examples"] == []


@pytest.mark.conformance(88)
def test_account_hardware_and_collections_are_shown(meeting: Meeting) -> None:
    told = meeting.told("catalogue")

    assert told["account"] in {"user", "organization"}
    assert "cpu" in cast("list[str]", told["hardware"])
    assert told["collections"]
    assert TEXT in cast("list[str]", told["models"])


def test_a_model_is_created_once_and_only_on_hardware_that_is_there(
    meeting: Meeting, client: str
) -> None:
    told = meeting.told("own_model")
    again, elsewhere = cast("Facts", told["again"]), cast("Facts", told["elsewhere"])

    assert told["made"] == [f"of-{client}", "private", 0, None]
    assert again["status"] == 409
    assert "A model with that name and owner already exists." in str(again["detail"])
    assert elsewhere["status"] == 400
    assert "abacus is not a valid hardware SKU" in str(elsewhere["detail"])


@PYTHON
@pytest.mark.conformance(7, 85)
def test_an_own_model_is_deleted(meeting: Meeting) -> None:
    assert meeting.told("own_model")["deleted"] is True


@pytest.mark.conformance(7, 20, 85, 88)
def test_a_deployment_is_created_updated_run_and_deleted(meeting: Meeting) -> None:
    assert meeting.told("deployment") == {
        "releases": [1, 2],
        "bounds": 2,
        "listed": True,
        "ran": [TEXT, True],
        "output": PROMPT,
        "deleted": True,
    }


@pytest.mark.conformance(87)
def test_a_training_makes_a_version_that_runs_and_may_be_canceled(meeting: Meeting) -> None:
    assert meeting.told("training") == {
        "status": "succeeded",
        "shown": True,
        "destination": True,
        "output": f"again {PROMPT}",
        "canceled": "canceled",
        "listed": True,
    }


def test_a_training_of_a_model_without_a_trainer_is_refused_with_a_reason(
    meeting: Meeting,
) -> None:
    refused = meeting.told("untrainable")

    assert refused["status"] == 400
    assert "train" in str(refused["detail"])


# retries


def test_a_repeated_create_makes_one_prediction(meeting: Meeting, client: str) -> None:
    creates = cast("dict[str, str]", meeting.told("retries")["creates"])
    sent = {fault: meeting.requests[fault] for fault in creates}
    made = {fault: meeting.predictions(f"{client} {fault}") for fault in creates}

    assert sent == {fault: int(fault.rpartition("-")[2]) + 1 for fault in creates}
    assert made == {fault: [id_] for fault, id_ in creates.items()}


@STREAMING
def test_a_refused_read_is_repeated(meeting: Meeting) -> None:
    told = meeting.told("retries")

    assert told["reads"] == {"status429-2": TEXT, "status503-2": TEXT}
