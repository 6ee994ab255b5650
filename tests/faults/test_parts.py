"""Workers and models' processes are killed and stopped while they run something."""

import os
import signal
import time
from collections.abc import Iterator, Mapping
from typing import cast

import pytest
from tests.faults.clients import PICTURE
from tests.faults.rows import Attempt, attempts
from tests.support.patience import once_below
from tests.support.processes import Server, command_line, descendants, wait_until_gone

HOST = "darkroom.runners.host"
WORKER = "darkroom worker"
ECHO = "darkroom/echo"
RUN = {"image": PICTURE, "ms": 500}
QUICK = {"image": PICTURE}
LONG = {"image": PICTURE, "ms": 60_000}


SOON_MS = 1000
"""Less than any silence after which somebody is given up."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("parts"), cancel_grace_seconds="0.5") as running:
        yield running


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that soon gives up who is silent; on a busy machine now and then the innocent."""
    silences = {"host_silence_seconds": "2.2", "worker_silence_seconds": "2.1"}
    with Server(tmp_path_factory.mktemp("impatient"), **silences) as running:
        yield running


def tried(server: Server, shown: Mapping[str, object]) -> list[Attempt]:
    return attempts(server.folder / "data" / "darkroom.db", shown["id"])


def run(server: Server, given: Mapping[str, object]) -> dict[str, object]:
    """A prediction whose run has been entered."""
    shown = server.create(ECHO, given)
    while server.get(shown["id"])["status"] == "starting":
        pass  # each question goes to the server and takes its time
    return shown


@pytest.mark.fault(5)
def test_a_killed_host_is_told_within_a_second_and_its_run_repeated(server: Server) -> None:
    def told_after_ms() -> float:
        shown = run(server, RUN)
        killed_at = time.time() * 1000
        os.kill(server.process(HOST), signal.SIGKILL)
        ended = server.ended(shown)
        first, second = tried(server, shown)

        assert ended["status"] == "succeeded"
        assert (first.outcome, second.outcome) == ("crashed", "succeeded")
        return cast("int", first.ended_at) - killed_at

    assert once_below(SOON_MS, told_after_ms)


@pytest.mark.fault(6)
def test_a_killed_worker_takes_its_hosts_along_and_its_run_is_repeated(server: Server) -> None:
    shown = run(server, RUN)
    worker, host = server.process(WORKER), server.process(HOST)
    os.kill(worker, signal.SIGKILL)
    wait_until_gone([worker, host])
    ended = server.ended(shown)

    assert ended["status"] == "succeeded"
    assert [one.outcome for one in tried(server, shown)] == ["lost", "succeeded"]


@pytest.mark.fault(18)
def test_a_host_that_heeds_no_cancel_is_killed_and_the_next_run_succeeds(server: Server) -> None:
    shown = run(server, LONG)
    (host,) = hosts(server)
    os.kill(host, signal.SIGSTOP)
    canceled = server.client.post(f"/v1/predictions/{shown['id']}/cancel").json()
    wait_until_gone([host])
    after = server.create(ECHO, QUICK, Prefer="wait=30")

    assert canceled["status"] == "canceled"
    assert after["status"] == "succeeded"
    assert server.get(shown["id"]) == canceled
    assert [one.outcome for one in tried(server, shown)] == ["canceled"]


@pytest.mark.fault(8)
def test_a_stopped_worker_is_replaced_and_its_run_repeated(impatient: Server) -> None:
    shown = run(impatient, RUN)
    worker, host = impatient.process(WORKER), impatient.process(HOST)
    os.kill(worker, signal.SIGSTOP)
    ended = impatient.ended(shown)
    wait_until_gone([worker, host])
    outcomes = [one.outcome for one in tried(impatient, shown)]

    assert ended["status"] == "succeeded"
    assert (outcomes[0], outcomes[-1]) == ("lost", "succeeded")


@pytest.mark.fault(9)
def test_a_stopped_host_is_killed_and_its_run_repeated(impatient: Server) -> None:
    shown = run(impatient, RUN)
    host = impatient.process(HOST)
    os.kill(host, signal.SIGSTOP)
    ended = impatient.ended(shown)
    wait_until_gone([host])
    outcomes = [one.outcome for one in tried(impatient, shown)]

    assert ended["status"] == "succeeded"
    assert (outcomes[0], outcomes[-1]) == ("crashed", "succeeded")
    assert "no sign of life for 2.2 seconds" in str(ended["logs"])


@pytest.mark.fault(10)
def test_what_kills_its_host_every_time_fails_and_harms_no_other(server: Server) -> None:
    server.create(ECHO, QUICK, Prefer="wait=30")
    before = set(hosts(server))
    words = {"prompt": "one two three", "ms": 1000}
    beside = server.create("darkroom/echo-text", words)
    while server.get(beside["id"])["status"] == "starting":
        pass
    innocent = set(hosts(server)) - before
    shown = server.create(ECHO, LONG)
    for number in (1, 2, 3):
        while len(tried(server, shown)) < number or not set(hosts(server)) - innocent:
            server.get(shown["id"])
        (host,) = set(hosts(server)) - innocent
        os.kill(host, signal.SIGKILL)
        wait_until_gone([host])
    ended = server.ended(shown)

    assert ended["status"] == "failed"
    assert "was tried 3 times and its model was lost every time" in str(ended["error"])
    assert [one.outcome for one in tried(server, shown)] == ["crashed"] * 3
    assert server.ended(beside)["status"] == "succeeded"
    assert [one.outcome for one in tried(server, beside)] == ["succeeded"]
    assert server.create(ECHO, QUICK, Prefer="wait=30")["status"] == "succeeded"


def hosts(server: Server) -> list[int]:
    return [pid for pid in descendants(server.pid) if HOST in command_line(pid)]
