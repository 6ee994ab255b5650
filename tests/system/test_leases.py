"""A worker elsewhere and its server outlive one another, and no run is lost or told twice."""

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest
from tests.support.pictures import data_url, png
from tests.support.ports import free_port
from tests.support.processes import Server
from tests.support.remote import RemoteWorker, token

ECHO = "darkroom/echo"
ECHO_TEXT = "darkroom/echo-text"
SD = "stability-ai/stable-diffusion-img2img"
WORDS = [f"word{number}" for number in range(15)]
ENTRY = f"""
models:
  {SD}: {{runner: diffusers, family: stable-diffusion, safety: """
UNCHECKED = "The operator has switched the safety checker off"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    folder = tmp_path / "server"
    folder.mkdir()
    with Server(folder, workers="0", drain_seconds="1", port=str(free_port())) as running:
        yield running


def worker_of(server: Server, name: str = "worker") -> RemoteWorker:
    return RemoteWorker(server.folder.parent / name, server.url, token(server)["key"])


@pytest.mark.parametrize("end", ["killed", pytest.param("stopped", marks=pytest.mark.slow)])
@pytest.mark.fault(4)
def test_runs_go_on_while_their_server_is_gone_and_are_told_when_it_is_back(
    server: Server, end: str
) -> None:
    picture = png(64, 64)
    with worker_of(server) as worker:
        files = server.create(ECHO, {"image": data_url(picture), "ms": 1500})
        words = server.create(ECHO_TEXT, {"prompt": " ".join(WORDS), "ms": 200})
        assert next(one for one in server.follow(words) if one.startswith("data: word0"))
        if end == "killed":
            server.kill()
        else:
            assert server.stop() == 0
        worker.heard("server.away")
        server.start()
        shown = server.ended(words)
        output = server.ended(files)

        assert shown["status"] == "succeeded", shown
        assert "".join(cast("list[str]", shown["output"])).split() == WORDS
        assert output["status"] == "succeeded", output
        assert server.client.get(cast("str", output["output"])).content == picture
        for one in (shown, output):
            assert "was lost" not in str(one["logs"])


def test_a_worker_that_was_killed_and_started_anew_runs_it_again_at_once(server: Server) -> None:
    with worker_of(server) as worker:
        shown = server.create(ECHO_TEXT, {"prompt": " ".join(WORDS), "ms": 100})
        assert next(one for one in server.follow(shown) if one.startswith("data: word0"))
        worker.send(signal.SIGKILL)
        worker.ended()
        worker.start()
        ended = server.ended(shown)

    assert ended["status"] == "succeeded", ended
    assert "Attempt 1 was lost: its worker was started anew." in str(ended["logs"])


@pytest.mark.slow
@pytest.mark.fault(7, 8)
def test_a_worker_that_stood_still_finds_its_run_repeated_and_drops_it(server: Server) -> None:
    server.stop()
    server.environment["DARKROOM_WORKER_SILENCE_SECONDS"] = "2.5"
    server.start()
    with worker_of(server) as still:
        shown = server.create(ECHO_TEXT, {"prompt": " ".join(WORDS), "ms": 500})
        assert next(one for one in server.follow(shown) if one.startswith("data: word0"))
        still.send(signal.SIGSTOP)
        with worker_of(server, "other") as other:
            other.heard("worker.connected")
            words = iter(server.follow(shown))
            assert next(one for one in words if "word5" in one)
            still.send(signal.SIGCONT)
            still.heard("server.away")
            ended = server.ended(shown)
        again = server.create(ECHO_TEXT, {"prompt": "and on"}, Prefer="wait")

    assert ended["status"] == "succeeded", ended
    assert "".join(cast("list[str]", ended["output"])).split() == WORDS
    assert str(ended["logs"]).count("was lost") == 1
    assert again["status"] == "succeeded"


@pytest.mark.slow
def test_a_worker_checks_pictures_as_soon_as_a_server_that_was_started_anew_wants_it(
    server: Server,
) -> None:
    entries, given = server.folder / "darkroom.yaml", {"image": data_url(png(256, 256))}
    minutes = {"num_inference_steps": 500, "prompt_strength": 1.0, "num_outputs": 4}
    server.kill()
    entries.write_text(f"{ENTRY}off}}")
    server.start()
    with worker_of(server):
        before = server.create(SD, {**given, **minutes})
        server.running(before)
        server.kill()
        entries.write_text(f"{ENTRY}on}}")
        server.start()
        after = server.create(SD, {**given, "num_inference_steps": 2})
        assert next(one for one in server.follow(after) if f"waiting: {SD} has changed" in one)
        assert server.get(before["id"])["status"] == "processing"
        server.client.post(f"/v1/predictions/{before['id']}/cancel")
        shown, canceled = server.ended(after), server.ended(before)

    assert shown["status"] == "succeeded", shown
    assert UNCHECKED not in str(shown["logs"])
    assert UNCHECKED in str(canceled["logs"])
    assert "was lost" not in str(canceled["logs"])
