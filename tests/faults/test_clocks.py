"""Wall clocks jump by an hour, forwards and backwards; only the time of day may be wrong then."""

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
from tests.faults.clients import PICTURE
from tests.faults.test_fence import ID, finish, lost, new
from tests.faults.test_server import ROOT
from tests.store.acceptances import asking
from tests.store.places import Hand, Place
from tests.support.processes import Server

from darkroom.domain.prediction import Status
from darkroom.store.statements import load
from darkroom.store.transitions import accepting, claiming, losing, reporting

HOUR_MS = 3_600_000
ECHO = "darkroom/echo"
JUMPS = [[HOUR_MS, -HOUR_MS], [-HOUR_MS, HOUR_MS]]


def skewed(folder: Path) -> tuple[Server, Path]:
    """A server, and the file by which its clocks are turned."""
    server, dial = Server(folder), folder / "skew"
    dial.write_text("0")
    server.module = "tests.faults.skewed"
    path = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    server.environment |= {"SKEW": str(dial), "PYTHONPATH": os.pathsep.join(filter(None, path))}
    return server, dial


def turn(dial: Path, by_ms: int) -> None:
    """At once: whoever reads meanwhile reads the one or the other."""
    beside = dial.with_suffix(".new")
    beside.write_text(str(by_ms))
    beside.replace(dial)


def in_order(shown: Mapping[str, object]) -> None:
    """Its times follow one another, and no time it took is negative."""
    times = [cast("str", shown[name]) for name in ("created_at", "started_at", "completed_at")]
    metrics = cast("dict[str, float]", shown["metrics"])
    assert times == sorted(times)
    assert 0 <= metrics["predict_time"] <= metrics["total_time"] + 0.001


@pytest.mark.fault(21)
def test_nobody_is_given_up_because_a_clock_jumps(tmp_path: Path) -> None:
    made, dial = skewed(tmp_path)
    given = {"image": PICTURE, "ms": 1000}
    with made as server, ThreadPoolExecutor(1) as thread:
        running = server.create(ECHO, given)
        while server.get(running["id"])["status"] == "starting":
            pass
        waiting = thread.submit(server.create, ECHO, given, Prefer="wait=60")
        ended: list[dict[str, object]] = []
        for jump in (HOUR_MS, -HOUR_MS):
            turn(dial, jump)
            ended.append(server.create(ECHO, {"image": PICTURE}, Prefer="wait=30"))
        ended += [server.ended(running), waiting.result()]
        log = (tmp_path / "server.log").read_text()

    for shown in ended:
        assert (shown["status"], shown["logs"]) == ("succeeded", "")
        in_order(shown)
    created = [cast("str", one["created_at"]) for one in ended]
    assert created[0][:13] != created[1][:13], "the clocks were not turned"
    assert "worker.silent" not in log
    assert "attempt.lost" not in log


@pytest.mark.fault(21)
@pytest.mark.parametrize("jumps", JUMPS, ids=["on and back", "back and on"])
async def test_times_stay_in_order_in_either_database(place: Place, jumps: list[int]) -> None:
    async with place.opened():
        hand = place.hand()
        hand.commit(accepting.accept(new(ID)), at(place, 0))
        hand.commit(losing.lose(lost()), at(place, jumps[0]))
        claimed = hand.commit(claiming.claim(asking()), at(place, jumps[0]))
        ended = hand.commit(reporting.report(finish(ID, 2)), at(place, jumps[1]))

    assert [one.prediction.attempt for one in claimed] == [2]
    assert ended is not None
    assert ended.status is Status.SUCCEEDED
    assert ended.started_at is not None
    assert ended.completed_at is not None
    assert ended.created_at <= ended.started_at <= ended.completed_at
    assert (stored(hand) < 0) == (jumps[1] < 0), "the clock was not turned"


def at(place: Place, skew_ms: int) -> Mapping[str, str]:
    """All statements, in a database whose clock is wrong by that much."""
    dialect = place.dialect
    return load(replace(dialect, now=f"({dialect.now} + ({skew_ms}))"))


def stored(hand: Hand) -> int:
    """How long the prediction took, as the database's clock had it."""
    row = hand.execute("select completed_at - created_at from predictions").fetchone()
    assert row is not None
    return cast("int", row[0])
