"""Parts are killed again and again while clients work; then the database must bear them out."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from tests.faults.clients import PICTURE, clients
from tests.faults.history import History, Verb, Verdict, contradictions, unended
from tests.faults.rows import Rows, read_hand, read_sqlite
from tests.store.places import Loop, postgres_place
from tests.support.ports import free_port
from tests.support.postgres import Cluster, cluster
from tests.support.processes import Server, wait_until_gone

BETWEEN = 20
"""Creations that are told between two kills."""
CUT = (
    "select pg_terminate_backend(pid) from pg_stat_activity"
    " where datname = current_database() and pid <> pg_backend_pid()"
)


@pytest.fixture(scope="module")
def loop() -> Iterator[Loop]:
    with closing(Loop()) as made:
        yield made


@pytest.fixture(scope="module")
def postgres() -> Iterator[Cluster]:
    """One that may be killed; each test has a database of its own."""
    with cluster(quick=False) as made:
        yield made


def storm(server: Server, kill: Callable[[], object], kills: int, history: History) -> None:
    """Kill so many times under load, let the load go on for a while, and wait for every end."""
    with clients(server.url, history):
        for _ in range(kills):
            history.wait_for_more(Verb.CREATE, Verdict.OK, BETWEEN)
            kill()
        history.wait_for_more(Verb.CREATE, Verdict.OK, BETWEEN)


def settled(server: Server, rows: Callable[[], Rows]) -> Rows:
    """The rows once everything has ended."""
    for id_ in unended(rows()):
        server.ended(server.get(id_))
    return rows()


def killed_and_started(server: Server) -> None:
    family = server.family()
    server.kill()
    wait_until_gone(family)
    server.start()


def judged(history: History, rows: Rows, hit: Verdict = Verdict.UNKNOWN) -> None:
    """Everything has ended as clients were told; some of them were *hit*."""
    assert unended(rows) == []
    assert contradictions(history.calls, rows) == []
    assert history.count(Verb.CREATE, hit) > 0, "no fault hit anybody"


@pytest.mark.fault(3)
@pytest.mark.parametrize(
    "kills", [2, pytest.param(12, marks=[pytest.mark.slow, pytest.mark.timeout(300)])]
)
def test_a_server_killed_under_load_loses_nothing(tmp_path: Path, kills: int) -> None:
    history = History()
    with Server(tmp_path, port=str(free_port())) as server:
        storm(server, lambda: killed_and_started(server), kills, history)
        rows = settled(server, lambda: read_sqlite(tmp_path / "data" / "darkroom.db"))

    judged(history, rows)


@pytest.mark.fault(3)
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_server_on_postgresql_killed_under_load_loses_nothing(
    tmp_path: Path, postgres_url: str, loop: Loop
) -> None:
    history = History()
    with (
        postgres_place(loop, postgres_url) as place,
        Server(tmp_path, port=str(free_port()), database_url=place.url) as server,
    ):
        storm(server, lambda: killed_and_started(server), 8, history)
        hand = place.hand()
        rows = settled(server, lambda: read_hand(hand))

    judged(history, rows)


@pytest.mark.fault(19)
@pytest.mark.parametrize(
    "kills", [2, pytest.param(8, marks=[pytest.mark.slow, pytest.mark.timeout(300)])]
)
def test_a_postgresql_killed_under_load_loses_nothing(
    tmp_path: Path, postgres: Cluster, loop: Loop, kills: int
) -> None:
    history = History()
    with (
        postgres_place(loop, postgres.url) as place,
        Server(tmp_path, database_url=place.url) as server,
    ):

        def killed() -> None:
            postgres.kill()
            history.wait_for_more(Verb.CREATE, Verdict.REFUSED, 6)
            postgres.start()

        storm(server, killed, kills, history)
        hand = place.hand()
        rows = settled(server, lambda: read_hand(hand))

    judged(history, rows, Verdict.REFUSED)
    assert history.count(Verb.CREATE, Verdict.UNKNOWN) == 0


@pytest.mark.fault(19)
def test_connections_that_are_cut_again_and_again_lose_nothing(
    tmp_path: Path, postgres_url: str, loop: Loop
) -> None:
    history = History()
    with (
        postgres_place(loop, postgres_url) as place,
        Server(tmp_path, database_url=place.url) as server,
    ):
        hand = place.hand()
        storm(server, lambda: hand.execute(CUT), 6, history)
        rows = settled(server, lambda: read_hand(hand))

    assert unended(rows) == []
    assert contradictions(history.calls, rows) == []


@pytest.mark.fault(19)
def test_those_who_wait_and_listen_hear_the_end_over_a_kill_of_postgresql(
    tmp_path: Path, postgres: Cluster, loop: Loop
) -> None:
    with (
        postgres_place(loop, postgres.url) as place,
        Server(tmp_path, database_url=place.url) as server,
        ThreadPoolExecutor(1) as thread,
    ):
        server.create("darkroom/echo", {"image": PICTURE}, Prefer="wait=30")
        given = {"image": PICTURE, "ms": 1500}
        waiting = thread.submit(server.create, "darkroom/echo", given, Prefer="wait=60")
        followed = server.create("darkroom/echo", given)
        while len(server.client.get("/v1/predictions").json()["results"]) < 3:
            pass  # until the one that waits is there
        lines = server.follow(followed)
        next(lines)
        postgres.kill()
        postgres.start()

        assert waiting.result()["status"] == "succeeded"
        assert "event: done" in list(lines)
        assert server.get(followed["id"])["status"] == "succeeded"
