"""Two servers on one database: made here, run there, canceled here; run again where one dies."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import cast

import pytest
from tests.store.places import Loop, postgres_place
from tests.support.patience import once_below
from tests.support.postgres import cluster
from tests.support.processes import Server, wait_until_gone

ECHO = "darkroom/echo"
PICTURE = "data:image/png;base64,iVBORw0KGgo="
QUICK = {"prompt": "a", "image": PICTURE}
LONG = {**QUICK, "ms": 60_000}
SOON_SECONDS = 2.5
"""A sweep comes every 3 s: right after one, whatever is quicker came by a hint."""


@pytest.fixture(scope="module")
def database(postgres_url: str) -> Iterator[str]:
    loop = Loop()
    with postgres_place(loop, postgres_url) as place:
        yield place.url
    loop.close()


@pytest.fixture(scope="module")
def servers(
    database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Server, Server]]:
    """One that has no worker, and one whose worker has two slots."""
    folders = tmp_path_factory.mktemp("idle"), tmp_path_factory.mktemp("busy")
    with (
        Server(folders[0], database_url=database, workers="0") as idle,
        Server(folders[1], database_url=database, echo_slots="2") as busy,
    ):
        yield idle, busy


def test_what_one_accepts_the_other_runs_and_both_tell_the_same(
    servers: tuple[Server, Server],
) -> None:
    idle, busy = servers

    def took() -> float:
        began = time.monotonic()
        idle.create(ECHO, QUICK, Prefer="wait")
        return time.monotonic() - began

    shown = idle.create(ECHO, QUICK, Prefer="wait")  # the host starts

    assert shown["status"] == "succeeded"
    assert once_below(SOON_SECONDS, took)
    other = busy.get(shown["id"])
    assert {**shown, "urls": None, "output": None} == {**other, "urls": None, "output": None}


def test_a_stream_tells_of_a_run_on_the_other(servers: tuple[Server, Server]) -> None:
    idle, _ = servers
    shown = idle.create("darkroom/echo-text", {"prompt": "one two three"})
    told = "\n".join(idle.follow(shown))

    assert "three" in told
    assert "event: done" in told


def test_a_cancel_here_frees_the_worker_there(servers: tuple[Server, Server]) -> None:
    idle, busy = servers

    def took() -> float:
        long = [idle.create(ECHO, LONG) for _ in range(2)]
        while {busy.get(one["id"])["status"] for one in long} != {"processing"}:
            pass  # until both slots are taken
        began = time.monotonic()
        for one in long:
            answer = idle.client.post(f"/v1/predictions/{one['id']}/cancel")
            assert answer.json()["status"] == "canceled"
        ended = busy.create(ECHO, QUICK, Prefer="wait")
        seconds = time.monotonic() - began

        assert ended["status"] == "succeeded"
        assert [busy.get(one["id"])["status"] for one in long] == ["canceled"] * 2
        return seconds

    took()
    assert min(took(), took()) < SOON_SECONDS  # each time with as many as there are slots


def test_one_idempotency_key_makes_one_prediction_wherever_it_is_sent(
    servers: tuple[Server, Server],
) -> None:
    def create(turn: int) -> object:
        return servers[turn % 2].create(ECHO, QUICK, **{"Idempotency-Key": "one"})["id"]

    with ThreadPoolExecutor(8) as threads:
        assert len(set(threads.map(create, range(16)))) == 1


def test_a_model_made_on_one_is_known_to_the_other(servers: tuple[Server, Server]) -> None:
    idle, busy = servers
    made = {"owner": "admin", "name": "mine", "visibility": "private", "hardware": "cpu"}

    def took() -> float:
        began = time.monotonic()
        assert idle.client.post("/v1/models", json=made).status_code == 201
        while busy.client.get("/v1/models/admin/mine").status_code == 404:
            pass
        assert idle.client.delete("/v1/models/admin/mine").status_code == 204
        while busy.client.get("/v1/models/admin/mine").status_code == 200:
            pass
        return time.monotonic() - began

    assert once_below(SOON_SECONDS, took)


@pytest.mark.fault(7)
def test_what_a_dead_server_ran_runs_again_on_another(postgres_url: str, tmp_path: Path) -> None:
    folders = tmp_path / "dying", tmp_path / "heir"
    for folder in folders:
        folder.mkdir()
    with closing(Loop()) as loop, postgres_place(loop, postgres_url) as place:
        with Server(folders[0], database_url=place.url) as dying:
            shown = dying.create(ECHO, {**QUICK, "ms": 4_000})
            dying.create(ECHO, QUICK, Prefer="wait")  # by then the first one runs
            family = dying.family()
            dying.kill()
            wait_until_gone(family)
        silence = {"database_url": place.url, "worker_silence_seconds": "3"}
        with Server(folders[1], **silence) as heir:
            ended = heir.ended(heir.get(shown["id"]))

    assert ended["status"] == "succeeded"
    assert "its server went away" in cast("str", ended["logs"])


@pytest.mark.slow
def test_a_server_stops_within_a_minute_although_its_database_is_away(tmp_path: Path) -> None:
    with cluster(quick=False) as postgres:
        with Server(tmp_path, database_url=postgres.url) as server:
            server.create(ECHO, QUICK, Prefer="wait")
            shown = server.create(ECHO, {**QUICK, "ms": 1_000})
            postgres.kill()
            began = time.monotonic()
            code = server.stop()
            took = time.monotonic() - began
        postgres.start()
        with Server(tmp_path, database_url=postgres.url) as again:
            ended = again.ended(again.get(shown["id"]))

    assert code == 0
    assert took < 60
    assert ended["status"] == "succeeded"


@pytest.mark.fault(19)
def test_while_the_database_is_away_nothing_is_taken_and_nothing_is_lost(tmp_path: Path) -> None:
    with cluster(quick=False) as postgres, Server(tmp_path, database_url=postgres.url) as server:
        before = server.get(server.create(ECHO, QUICK, Prefer="wait")["id"])
        running = server.create(ECHO, {**QUICK, "ms": 2_000})
        postgres.kill()
        body = {"version": ECHO, "input": QUICK}
        refused = server.client.post("/v1/predictions", json=body)
        read = server.client.get(f"/v1/predictions/{before['id']}")
        postgres.start()

        assert (refused.status_code, read.status_code) == (503, 503)
        assert int(refused.headers["Retry-After"]) > 0
        assert server.ended(running)["status"] == "succeeded"
        assert server.get(before["id"]) == before
        assert server.create(ECHO, QUICK, Prefer="wait")["status"] == "succeeded"
        listed = server.client.get("/v1/predictions").json()["results"]
        assert len(listed) == 3
