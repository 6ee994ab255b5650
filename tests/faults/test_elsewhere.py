"""Workers on other machines, whose server goes away, whose line is cut, or that stand still."""

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import cast

import pytest
from tests.faults.clients import PICTURE
from tests.faults.rows import Attempt, attempts
from tests.support.cable import Cable
from tests.support.ports import free_port
from tests.support.processes import Server
from tests.support.remote import RemoteWorker, token

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

ECHO = "darkroom/echo"
ECHO_TEXT = "darkroom/echo-text"
SILENCE = "2.5"
LONG_AGO_SECONDS = 2 * 24 * 3600


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    folder = tmp_path / "server"
    folder.mkdir()
    with Server(
        folder, workers="0", port=str(free_port()), worker_silence_seconds=SILENCE
    ) as running:
        yield running


def worker(server: Server, name: str, url: str | None = None, **settings: str) -> RemoteWorker:
    folder = server.folder.parent / name
    settings = {"worker_silence_seconds": SILENCE, **settings}
    return RemoteWorker(folder, url or server.url, token(server)["key"], **settings)


def tried(server: Server, shown: dict[str, object]) -> list[Attempt]:
    return attempts(server.folder / "data" / "darkroom.db", shown["id"])


def outcomes(server: Server, shown: dict[str, object]) -> list[str | None]:
    return [one.outcome for one in tried(server, shown)]


def words(count: int, ms: int) -> dict[str, object]:
    return {"prompt": " ".join(f"word{number}" for number in range(count)), "ms": ms}


def begun(server: Server, given: dict[str, object]) -> dict[str, object]:
    """A run whose first word has come."""
    shown = server.create(ECHO_TEXT, given)
    with closing(server.follow(shown)) as lines:
        assert any(one.startswith("data: word0") for one in lines)
    return shown


def said(shown: dict[str, object]) -> str:
    return "".join(cast("list[str]", shown["output"]))


def knocks(port: str, count: int) -> None:
    """Return once so many have come to *port*, and gone without an answer."""
    with closing(socket.create_server(("127.0.0.1", int(port)))) as door:
        for _ in range(count):
            door.accept()[0].close()


@pytest.mark.fault(4)
def test_runs_end_while_every_server_is_away_for_longer_than_the_silence(server: Server) -> None:
    given = words(10, 200)
    with worker(server, "worker"):
        text = begun(server, given)
        picture = server.create(ECHO, {"image": PICTURE, "ms": 1000})
        while server.get(picture["id"])["status"] == "starting":
            pass  # each question goes to the server and takes its time
        server.kill()
        # It knocks every 0.36 s at most: the first silence is over with the seventh, if not sooner.
        knocks(server.environment["DARKROOM_PORT"], 25)
        server.start()
        ended = [server.ended(text), server.ended(picture)]

    assert [one["status"] for one in ended] == ["succeeded"] * 2
    assert said(ended[0]) == given["prompt"]
    assert [outcomes(server, one) for one in (text, picture)] == [["succeeded"]] * 2


@pytest.mark.fault(7)
def test_a_worker_cut_off_for_too_long_changes_nothing_when_it_is_back(server: Server) -> None:
    given = words(60, 200)
    with Cable(server.url) as cable, worker(server, "cut", cable.url, echo_slots="1") as cut:
        shown = begun(server, given)
        cable.silence()
        with worker(server, "other"):
            assert any("word20" in one for one in server.follow(shown))
            cable.flow()
            cut.heard('"dropped": 1')
            ended = server.ended(shown)
        again = server.create(ECHO_TEXT, {"prompt": "and on"}, Prefer="wait=30")

    assert ended["status"] == "succeeded"
    assert said(ended) == given["prompt"]
    assert outcomes(server, shown) == ["lost", "succeeded"]
    assert again["status"] == "succeeded"


@pytest.mark.fault(8)
def test_a_worker_that_stood_still_leaves_the_winners_files_alone_and_its_own_go(
    server: Server,
) -> None:
    with Cable(server.url) as cable, worker(server, "still", cable.url) as still:
        shown = server.create(ECHO, {"image": PICTURE, "ms": 1000})
        while server.get(shown["id"])["status"] == "starting":
            pass
        cable.hold_answers()
        while not stored(server, shown, 1):
            server.get(shown["id"])
        still.send(signal.SIGSTOP)
        with worker(server, "other"):
            ended = server.ended(shown)
            still.log = ""
            still.send(signal.SIGCONT)
            cable.flow()
            still.heard("worker.connected")
            after = server.get(shown["id"])

    assert ended["status"] == "succeeded"
    assert after == ended
    assert outcomes(server, shown) == ["lost", "succeeded"]
    grow_old(server)
    server.stop()
    server.start()
    while stored(server, shown, 1):
        after = server.get(shown["id"])
    assert stored(server, shown, 2)
    assert server.client.get(cast("str", after["output"])).status_code == 200


def stored(server: Server, shown: dict[str, object], attempt: int) -> list[Path]:
    """Files that an attempt has stored."""
    return list((server.folder / "data" / "files").rglob(f"{shown['id']}+{attempt}+0"))


def grow_old(server: Server) -> None:
    """Every file is two days older."""
    for one in (server.folder / "data" / "files").rglob("*+*"):
        then = one.stat().st_mtime - LONG_AGO_SECONDS
        os.utime(one, (then, then))


@pytest.mark.fault(11)
def test_a_job_on_a_line_that_is_cut_runs_again_at_once_and_uncounted(tmp_path: Path) -> None:
    with (
        Server(tmp_path, workers="0") as server,
        Cable(server.url) as cable,
        RemoteWorker(tmp_path / "worker", cable.url, token(server)["key"]),
    ):
        server.create(ECHO, {"image": PICTURE}, Prefer="wait=30")
        cable.hold_answers()
        shown = server.create(ECHO, {"image": PICTURE})
        while not tried(server, shown):
            server.get(shown["id"])
        cable.cut()
        cable.flow()
        ended = server.ended(shown)

        assert ended["status"] == "succeeded"
        assert "it never reached its worker" in str(ended["logs"])
        assert outcomes(server, shown) == ["released", "succeeded"]
        assert took_ms(server, shown) < 5000


@pytest.mark.fault(11)
def test_a_job_that_a_line_swallows_is_handed_back_by_beats_within_five_seconds(
    tmp_path: Path,
) -> None:
    """The worker beats on, and hears nothing; another one is there."""
    with Server(tmp_path, workers="0") as server, Cable(server.url) as cable:
        key = token(server)["key"]
        with RemoteWorker(tmp_path / "other", server.url, key, echo_slots="1"):
            server.create(ECHO, {"image": PICTURE}, Prefer="wait=30")
            busy = server.create(ECHO, {"image": PICTURE, "ms": 60_000})
            with RemoteWorker(tmp_path / "deaf", cable.url, key, echo_slots="1") as deaf:
                deaf.heard("worker.connected")
                cable.hold_answers()
                shown = server.create(ECHO, {"image": PICTURE})
                server.client.post(f"/v1/predictions/{busy['id']}/cancel")
                ended = server.ended(shown)

        assert ended["status"] == "succeeded"
        assert outcomes(server, shown) == ["released", "succeeded"]
        assert took_ms(server, shown) < 5000


def took_ms(server: Server, shown: dict[str, object]) -> float:
    """From the creation to the end, as the server saw it."""
    metrics = cast("dict[str, float]", server.get(shown["id"])["metrics"])
    return metrics["total_time"] * 1000
