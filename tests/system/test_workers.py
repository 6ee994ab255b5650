"""Workers on machines of their own: `darkroom worker --server`, before a server without workers."""

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest
from tests.support.pictures import data_url, png
from tests.support.processes import KEY, Server
from tests.support.remote import RemoteWorker, revoke, token

SD = "stability-ai/stable-diffusion-img2img"
ECHO = "darkroom/echo"
ECHO_TEXT = "darkroom/echo-text"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    folder = tmp_path / "server"
    folder.mkdir()
    with Server(folder, workers="0") as running:
        yield running


def worker_of(server: Server, **settings: str) -> RemoteWorker:
    key = settings.pop("token", None) or token(server)["key"]
    return RemoteWorker(server.folder.parent / "worker", server.url, key, **settings)


def test_a_picture_goes_to_a_worker_elsewhere_and_comes_back(server: Server) -> None:
    picture = png(64, 64) + bytes(20_000)  # too large for the row: it becomes a file
    with worker_of(server) as worker:
        shown = server.ended(server.create(ECHO, {"image": data_url(picture)}))

        assert shown["status"] == "succeeded", shown
        output = server.client.get(cast("str", shown["output"]))
        assert output.content == picture
        assert "predictions" not in {one.name for one in (worker.folder / "data").rglob("*")}


@pytest.mark.slow
def test_a_model_of_pictures_runs_elsewhere_with_files_in_the_folder_of_its_server(
    server: Server,
) -> None:
    with worker_of(server):
        given = {"prompt": "x", "image": data_url(png(64, 64)), "num_outputs": 6}
        shown = server.ended(server.create(SD, {**given, "num_inference_steps": 2}))

        assert shown["status"] == "succeeded", shown
        outputs = cast("list[str]", shown["output"])
        assert len(outputs) == 6  # more than addresses that travel with a job
        assert all(server.client.get(one).content.startswith(b"\x89PNG") for one in outputs)


def test_a_worker_that_is_told_to_stop_finishes_what_it_runs(server: Server) -> None:
    with worker_of(server) as worker:
        shown = server.create(ECHO_TEXT, {"prompt": "one two", "ms": 400})
        with_first_word = next(one for one in server.follow(shown) if one.startswith("data: one"))

        assert with_first_word
        assert worker.stop() == 0
        assert server.ended(shown)["status"] == "succeeded"
        assert "worker.drained" in worker.log


def test_a_second_signal_ends_a_worker_at_once_unless_it_comes_with_the_first(
    server: Server,
) -> None:
    with worker_of(server) as worker:
        shown = server.create(ECHO_TEXT, {"prompt": "one two three " * 20, "ms": 250})
        words = (one for one in server.follow(shown) if one.startswith("data: "))
        next(words)
        worker.send(signal.SIGTERM)
        worker.send(signal.SIGINT)
        worker.heard("worker.draining")
        for _ in range(8):  # four come in a second
            next(words)

        assert worker.stop() == 130


def test_a_worker_whose_token_is_revoked_ends_with_words(server: Server) -> None:
    made = token(server)
    with worker_of(server, token=made["key"]) as worker:
        assert server.create(ECHO_TEXT, {"prompt": "one"}, Prefer="wait")["output"] == ["one"]
        revoke(server, made["id"])

        assert worker.ended() == 1
        assert "the worker's token was revoked" in worker.log


def test_a_key_of_the_api_is_no_token(server: Server) -> None:
    with worker_of(server, token=KEY) as worker:
        assert worker.ended() == 1
        assert "This is a key of the API" in worker.log
