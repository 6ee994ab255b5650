"""OpenAI's two clients, unmodified, make pictures: PyPI `openai` and npm `openai`."""

import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import cast

import pytest
from tests.compat.install import OPENAI
from tests.compat.support.programs import PATIENCE_SECONDS, Facts, Meet, Meeting, node, python
from tests.support.person import ROOT, blocks
from tests.support.processes import KEY, Server

PROGRAMS: Mapping[str, Sequence[str | Path]] = {
    "openai-python": python(OPENAI.python, "openai_python.py"),
    "openai-js": node("openai_js.mjs"),
}
PNG = "89504e47"
REFUSED = {
    "unknown model": (404, "nobody/nothing"),
    "missing input": (400, "image is required"),
    "unknown key": (401, "valid authentication token"),
    "failed": (400, "could not fetch the file"),
    "streaming": (400, "Streaming of pictures is not supported here."),
}


@pytest.fixture(scope="module")
def meetings(meet: Meet) -> Callable[[str], Meeting]:
    """Each client's program, run once."""

    @cache
    def met(client: str) -> Meeting:
        return meet(PROGRAMS[client])

    return met


@pytest.fixture(params=PROGRAMS)
def client(request: pytest.FixtureRequest) -> str:
    return cast("str", request.param)


@pytest.fixture
def meeting(client: str, meetings: Callable[[str], Meeting]) -> Meeting:
    return meetings(client)


def test_a_picture_is_generated_and_read_from_its_address(meeting: Meeting) -> None:
    assert meeting.told("generate") == {"same": True, "created": True}


@pytest.mark.parametrize("step", ["generate_inline", "edit"])
def test_a_picture_comes_within_the_answer(meeting: Meeting, step: str) -> None:
    assert meeting.told(step) == {"same": True}


def test_two_uploaded_pictures_fill_two_inputs(meeting: Meeting) -> None:
    assert meeting.told("edit_two") == {"pictures": [PNG]}


@pytest.mark.parametrize("request_", REFUSED)
def test_a_refusal_has_openais_form(meeting: Meeting, request_: str) -> None:
    refused = cast("Facts", meeting.told("refusals")[request_])
    status, words = REFUSED[request_]

    assert refused["status"] == status
    assert words in str(refused["message"])
    assert {"type", "code", "param"} <= refused.keys()


def test_a_repeated_create_makes_one_prediction(meeting: Meeting, client: str) -> None:
    creates = cast("dict[str, bool]", meeting.told("retries")["creates"])
    sent = {fault: meeting.requests[fault] for fault in creates}
    made = {fault: len(meeting.predictions(f"{client} {fault}")) for fault in creates}

    assert all(creates.values())
    assert sent == dict.fromkeys(creates, 3)
    assert made == dict.fromkeys(creates, 1)


def test_the_example_of_the_documents_makes_a_picture(server: Server) -> None:
    (example,) = [text for language, text in blocks("docs/openai.md") if language == "python"]
    done = subprocess.run(
        [OPENAI.python, "-c", example.replace("http://127.0.0.1:8000", server.url)],
        cwd=ROOT,
        env={**os.environ, "DARKROOM_TOKEN": KEY},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_SECONDS,
    )
    assert done.returncode == 0, done.stderr
    assert server.client.get(done.stdout.strip()).content.startswith(bytes.fromhex(PNG))
