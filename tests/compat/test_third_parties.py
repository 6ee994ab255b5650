"""Programs that others built on Replicate's API: LangChain, Vercel's AI SDK, a plain HTTP loop."""

import json
from collections.abc import Mapping
from typing import cast

import pytest
from tests.compat.install import LANGCHAIN
from tests.compat.support.programs import Facts, Meet, Meeting, node, python
from tests.support.pictures import data_url, png
from tests.support.processes import KEY, Server

TEXT, FILE = "darkroom/echo-text", "darkroom/echo"
PROMPT = "one two\n\nthree"
TERMINAL = {"succeeded", "failed", "canceled"}


@pytest.fixture(scope="module")
def langchain(meet: Meet, server: Server) -> Meeting:
    program = python(LANGCHAIN.python, "langchain_replicate.py")
    return meet(
        program,
        REPLICATE_BASE_URL=server.url,
        REPLICATE_API_TOKEN=KEY,
        REPLICATE_POLL_INTERVAL="0.02",
    )


@pytest.fixture(scope="module")
def ai_sdk(meet: Meet) -> Meeting:
    return meet(node("ai_sdk.mjs"))


@pytest.mark.conformance(90)
@pytest.mark.parametrize("step", ["text", "text_by_version"])
def test_langchain_runs_a_text_model(langchain: Meeting, step: str) -> None:
    assert langchain.told(step) == {"output": PROMPT}


def test_langchain_puts_a_model_into_a_chain(langchain: Meeting) -> None:
    assert langchain.told("chain") == {"output": "What is darkroom?"}


def test_langchain_yields_words_as_they_come(langchain: Meeting) -> None:
    assert langchain.told("streaming") == {"chunks": ["one", " two", "\n\nthree"]}


def test_a_stop_sequence_of_langchain_cancels_the_prediction(langchain: Meeting) -> None:
    assert langchain.told("stop") == {"chunks": ["one", " "], "status": "canceled"}


@pytest.mark.conformance(90)
def test_langchain_runs_an_image_model(langchain: Meeting) -> None:
    assert langchain.told("picture") == {"same": True}


@pytest.mark.conformance(90)
def test_the_ai_sdk_makes_a_picture(ai_sdk: Meeting) -> None:
    assert ai_sdk.told("picture") == {"same": True, "type": "image/png"}


def test_the_ai_sdk_runs_a_version_with_a_fractional_wait(ai_sdk: Meeting) -> None:
    assert ai_sdk.told("by_version") == {"same": True}


def test_the_ai_sdk_polls_when_its_wait_has_ended(ai_sdk: Meeting) -> None:
    assert ai_sdk.told("polling") == {"same": True}


def test_the_ai_sdk_awaits_a_video_by_polling(ai_sdk: Meeting) -> None:
    assert ai_sdk.told("video") == {"same": True}


def test_the_ai_sdk_awaits_a_video_by_a_webhook(ai_sdk: Meeting) -> None:
    (body,) = cast("list[str]", ai_sdk.told("video_with_webhook")["bodies"])
    ended = cast("dict[str, object]", json.loads(body))

    assert ended["status"] == "succeeded"
    assert ended == ai_sdk.server.get(ended["id"])


REFUSED: Mapping[str, tuple[int | None, str]] = {
    "unknown model": (404, "The requested resource could not be found."),
    "missing input": (422, "image is required"),
    "unknown key": (401, "You did not pass a valid authentication token"),
    "failed": (None, "could not fetch the file"),
}


@pytest.mark.parametrize("request_", REFUSED)
def test_the_ai_sdk_tells_a_refusal_in_the_servers_words(ai_sdk: Meeting, request_: str) -> None:
    refused = cast("Facts", ai_sdk.told("refusals")[request_])
    status, words = REFUSED[request_]

    assert refused.get("status") == status
    assert words in str(refused["detail"])


def test_a_create_that_the_ai_sdk_repeats_makes_one_prediction(ai_sdk: Meeting) -> None:
    creates = cast("dict[str, bool]", ai_sdk.told("retries")["creates"])
    made = {fault: len(ai_sdk.predictions(f"ai-sdk {fault}")) for fault in creates}

    assert all(creates.values())
    assert {fault: ai_sdk.requests[fault] for fault in creates} == dict.fromkeys(creates, 2)
    assert made == dict.fromkeys(creates, 1)


@pytest.mark.conformance(90)
@pytest.mark.parametrize(
    ("model", "input_"),
    [(TEXT, {"prompt": PROMPT}), (FILE, {"image": data_url(png())})],
    ids=["text", "picture"],
)
def test_a_plain_loop_of_requests_runs_a_model(
    server: Server, model: str, input_: dict[str, str]
) -> None:
    """Create by the model's route, get until the end: what workflow tools do."""
    shown = server.client.post(f"/v1/models/{model}/predictions", json={"input": input_}).json()
    while shown["status"] not in TERMINAL:
        shown = server.client.get(shown["urls"]["get"]).json()

    assert shown["status"] == "succeeded"
    if model == TEXT:
        assert "".join(shown["output"]) == PROMPT
    else:
        assert server.client.get(shown["output"]).content == png()
