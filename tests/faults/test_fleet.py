"""Servers and workers elsewhere are renewed, killed and stopped at random while clients work."""

import os
import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tests.faults.clients import clients
from tests.faults.fleet import Fleet, fleet
from tests.faults.history import History, Verb, Verdict, contradictions, unended
from tests.faults.rows import Rows
from tests.store.places import Loop

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

BETWEEN = 30
"""Creations that are told between two faults."""
SEED = int(os.environ.get("STORM_SEED", "1"))
Fault = Callable[[Fleet, int], None]
STORM: list[Fault] = [
    Fleet.server_killed,
    Fleet.server_renewed,
    Fleet.server_paused,
    Fleet.worker_killed,
    Fleet.worker_renewed,
    Fleet.worker_paused,
]


@pytest.fixture(scope="module")
def loop() -> Iterator[Loop]:
    with closing(Loop()) as made:
        yield made


def settled(running: Fleet, loop: Loop) -> Rows:
    """The rows once everything has ended."""
    server = running.servers[0]
    for id_ in unended(running.rows(loop)):
        server.ended(server.get(id_))
    return running.rows(loop)


def judged(history: History, rows: Rows) -> Counter[str | None]:
    """Everything has ended as clients were told; how attempts ended."""
    outcomes = Counter(one.outcome for one in rows.attempts)
    print("calls", Counter(f"{one.verb} {one.verdict}" for one in history.calls))  # noqa: T201
    print("statuses", Counter(one.status for one in rows.predictions), "attempts", outcomes)  # noqa: T201
    assert unended(rows) == []
    assert contradictions(history.calls, rows) == []
    assert {one.status for one in rows.predictions} <= {"succeeded", "canceled"}
    return outcomes


@pytest.mark.fault(25)
@pytest.mark.parametrize("fault", [Fleet.server_renewed, Fleet.server_killed])
def test_servers_are_renewed_and_killed_under_load_and_no_run_elsewhere_is_lost(
    tmp_path: Path, loop: Loop, fault: Fault
) -> None:
    history = History()
    with fleet(tmp_path) as running:
        with clients(running.url, history, work_ms=300):
            for which in (0, 1, 0, 1):
                history.wait_for_more(Verb.CREATE, Verdict.OK, BETWEEN)
                fault(running, which)
            history.wait_for_more(Verb.CREATE, Verdict.OK, BETWEEN)
        rows = settled(running, loop)

    assert judged(history, rows).keys() <= {"succeeded", "canceled", "released"}


@pytest.mark.fault(25)
def test_workers_elsewhere_are_renewed_under_load_and_no_run_is_lost(
    tmp_path: Path, loop: Loop
) -> None:
    history = History()
    with fleet(tmp_path) as running:
        with clients(running.url, history, work_ms=300):
            for which in range(len(running.workers)):
                history.wait_for_more(Verb.CREATE, Verdict.OK, BETWEEN)
                running.worker_renewed(which)
            history.wait_for_more(Verb.CREATE, Verdict.OK, BETWEEN)
        rows = settled(running, loop)

    assert judged(history, rows).keys() <= {"succeeded", "canceled", "released"}


@pytest.mark.fault(3, 4, 6, 8, 19, 25)
def test_whatever_dies_or_stands_still_in_a_fleet_nothing_is_lost(
    tmp_path: Path, loop: Loop
) -> None:
    history, chance = History(), random.Random(SEED)  # noqa: S311  # no secret
    faults = [*STORM * 3, Fleet.postgres_killed]
    chance.shuffle(faults)
    with fleet(tmp_path, silence_seconds=2.5) as running:
        with clients(running.url, history, work_ms=200):
            for fault in faults:
                history.wait_for_more(Verb.CREATE, Verdict.OK, BETWEEN)
                fault(running, chance.randrange(6))
            history.wait_for_more(Verb.CREATE, Verdict.OK, BETWEEN)
        rows = settled(running, loop)

    judged(history, rows)
    assert history.count(Verb.CREATE, Verdict.UNKNOWN) > 0, "no fault hit anybody"
