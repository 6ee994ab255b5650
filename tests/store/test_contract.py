"""What either database promises: order, company, migrations, and plans that use an index."""

import asyncio
import re
import sqlite3
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import asyncpg
import pytest
from tests.store.acceptances import ADA, HOLDER, acceptance
from tests.store.places import Place

from darkroom.domain.errors import SchemaTooNew
from darkroom.domain.events import Finished, LogText, Report
from darkroom.domain.ids import PredictionId
from darkroom.domain.prediction import Outcome, Prediction
from darkroom.ports.predictions import Page
from darkroom.store.keys import KeyTables
from darkroom.store.predictions import PredictionTables
from darkroom.store.rows import Parameters

BROKEN = sqlite3.IntegrityError, asyncpg.IntegrityConstraintViolationError


@asynccontextmanager
async def tables(place: Place) -> AsyncGenerator[PredictionTables]:
    async with place.opened() as database:
        yield PredictionTables(database)


async def test_what_is_queued_together_is_committed_together_in_order(place: Place) -> None:
    async with tables(place) as store:
        accepted = store.accept(acceptance("p1", holder=HOLDER))
        finished = Finished(outcome=Outcome.SUCCEEDED)
        report = Report(prediction=PredictionId("p1"), attempt=1, started=True, finished=finished)
        ended = await store.report(report)

        assert (await accepted).created_at > 0
        assert ended is not None
        assert ended == await store.get(PredictionId("p1"))


async def test_a_change_that_fails_does_not_undo_its_companions(place: Place) -> None:
    async with tables(place) as store:
        await store.accept(acceptance("p1"))
        changes = [store.accept(acceptance(id_)) for id_ in ("p2", "p1", "p3")]
        done = await asyncio.gather(*changes, return_exceptions=True)

        assert isinstance(done[1], BROKEN)
        assert [one.id for one in done if isinstance(one, Prediction)] == ["p2", "p3"]
        assert [one.id for one in await store.page(ADA, Page(size=9))] == ["p3", "p2", "p1"]


async def test_whatever_is_queued_when_the_store_closes_is_committed(place: Place) -> None:
    async with tables(place) as store:
        await store.accept(acceptance("p1"))
        waiting = [store.accept(acceptance(f"q{number:03}")) for number in range(600)]
    assert len(await asyncio.wait_for(asyncio.gather(*waiting), 30)) == 600


async def test_a_database_of_a_newer_release_is_refused(place: Place) -> None:
    async with place.opened():
        pass
    place.hand().execute("insert into schema_migrations values (9999, 'from the future')")

    with pytest.raises(SchemaTooNew, match="9999"):
        async with place.opened():
            pass


async def test_secrets_stay_the_same(place: Place) -> None:
    async with place.opened() as database:
        first = await KeyTables(database).secret("capabilities")
    async with place.opened() as database:
        assert await KeyTables(database).secret("capabilities") == first
        assert await KeyTables(database).secret("other") != first
    assert len(first) == 32


async def test_logs_and_events_of_several_reports_add_up(place: Place) -> None:
    async with tables(place) as store:
        await store.accept(acceptance("p1", holder=HOLDER))
        for text in ("one\n", "two\n"):
            await store.report(
                Report(prediction=PredictionId("p1"), attempt=1, events=[LogText(text=text)])
            )
        found = await store.get(PredictionId("p1"))

        assert found is not None
        assert found.logs == "one\ntwo\n"
        assert [event.n for event in await store.events(PredictionId("p1"), 1)] == [2]


PLANS: list[tuple[str, Parameters, str]] = [
    ("peek", {"version": "v", "most": 1, "listed": "[]"}, "predictions_ready"),
    (
        "page_down",
        {"owner": "a", "above": "", "below": "~", "from_ms": 0, "until_ms": 9, "size": 9},
        "predictions_owner",
    ),
    (
        "page_up",
        {"owner": "a", "above": "", "below": "~", "from_ms": 0, "until_ms": 9, "size": 9},
        "predictions_owner",
    ),
    (
        "trainings_down",
        {"owner": "a", "above": "", "below": "~", "from_ms": 0, "until_ms": 9, "size": 9},
        "predictions_trainings",
    ),
    (
        "trainings_up",
        {"owner": "a", "above": "", "below": "~", "from_ms": 0, "until_ms": 9, "size": 9},
        "predictions_trainings",
    ),
    ("get", {"id": "p"}, "sqlite_autoindex_predictions"),
    ("logs", {"id": "p", "after": 0}, "sqlite_autoindex_log_lines"),
    ("input", {"id": "p"}, "sqlite_autoindex_inputs"),
    ("item", {"id": "p", "attempt": 1, "place": 0}, "sqlite_autoindex_items"),
    ("known_file", {"id": "p", "attempt": 1, "place": 0}, "sqlite_autoindex_attempts"),
    ("live", {"id": "p", "attempt": 1}, "sqlite_autoindex_predictions"),
    ("cancel", {"id": "p", "owner": "a"}, "sqlite_autoindex_predictions"),
    (
        "end_attempt",
        {"id": "p", "attempt": 1, "outcome": "lost", "error": "", "run_seconds": 0},
        "attempts",
    ),
    ("waiting", {}, "predictions_ready"),
    ("pool_waiting", {}, "predictions_ready"),
    ("pool_running", {}, "attempts_one_live"),
    ("items", {"id": "p"}, "sqlite_autoindex_items"),
    ("inputs_of", {"listed": "[]"}, "sqlite_autoindex_inputs"),
    ("items_of", {"listed": "[]"}, "sqlite_autoindex_items"),
    ("logs_of", {"listed": "[]"}, "sqlite_autoindex_log_lines"),
    ("live_attempts", {}, "attempts_one_live"),
    ("attempts_of_worker", {"worker": "w"}, "attempts_one_live"),
    (
        "came_elsewhere",
        {"worker": "w", "incarnation": 1, "server": ""},
        "sqlite_autoindex_remote_workers",
    ),
    (
        "lease_stands",
        {"id": "p", "attempt": 1, "worker": "w", "incarnation": 1, "server": ""},
        "sqlite_autoindex_attempts",
    ),
    (
        "adopt",
        {"id": "p", "attempt": 1, "worker": "w", "incarnation": 1},
        "sqlite_autoindex_attempts",
    ),
    ("note", {"id": "p", "attempt": 1, "number": 1}, "sqlite_autoindex_attempts"),
    ("expire", {"most": 1}, "predictions_deadline"),
    (
        "delete_model",
        {"owner": "a", "name": "n", "path": "a/n"},
        "trained_versions_model",
    ),
    (
        "idempotency_key",
        {"owner": "a", "key": "k", "keep_ms": 1},
        "sqlite_autoindex_idempotency_keys",
    ),
    ("recent_requests", {"since": "p", "most": 1}, "sqlite_autoindex_predictions"),
    ("forget_requests", {"since": "p"}, "sqlite_autoindex_predictions"),
    ("unended", {}, "predictions_ready"),
    (
        "removable",
        {"keep_ms": 1, "most": 1, "past_at": 0, "past": ""},
        "predictions_removable ((completed_at,id)>(?,?) AND completed_at<?)",
    ),
    ("mark_removed", {"id": "p"}, "sqlite_autoindex_predictions"),
    ("runs", {}, "COVERING INDEX predictions_runs"),
    ("upload", {"id": "u"}, "sqlite_autoindex_uploads"),
    ("uploads_down", {"owner": "a", "edge": "~", "size": 9}, "uploads_owner"),
    ("uploads_up", {"owner": "a", "edge": "", "size": 9}, "uploads_owner"),
    ("expired_uploads", {"most": 1, "past_at": 0, "past": ""}, "uploads_expiry ((expires_at,id)>"),
    ("delete_version", {"id": "v", "model": "m"}, "releases_version"),
    (
        "add_deployment",
        {"id": "d", "owner": "a", "name": "n", "number": 1, "most": 9},
        "COVERING INDEX deployments_owner",
    ),
    ("forget_idempotency_keys", {"keep_ms": 1}, "idempotency_keys_age"),
    ("empty_answers", {"id": "p"}, "sqlite_autoindex_delivery_tries"),
]


IN_POSTGRES = {
    "removable": "predictions_removable",
    "expired_uploads": "uploads_expiry",
    "runs": "predictions_runs",
    "known_file": "items_pkey",
    "mark_removed": "predictions_",
    "lease_stands": "attempts_one_live",
    "adopt": "attempts_one_live",
    "add_deployment": "deployments_owner",
}


@pytest.mark.parametrize(("name", "parameters", "index"), PLANS, ids=[name for name, *_ in PLANS])
async def test_hot_statements_use_their_index(
    place: Place, name: str, parameters: Parameters, index: str
) -> None:
    async with place.opened():
        pass
    plan = " ".join(place.hand().plan(name, parameters))

    known = index if place.name == "sqlite" else IN_POSTGRES.get(name, index)
    assert known in plan or f"{known.removeprefix('sqlite_autoindex_')}_pkey" in plan
    assert not re.search(r"SCAN (?!CONSTANT)\w+(?! USING| VIRTUAL)\b|Seq Scan", plan)


async def test_a_report_of_many_events_is_kept_whole(place: Place) -> None:
    async with tables(place) as store:
        await store.accept(acceptance("p1", holder=HOLDER))
        told = [LogText(text=f"{number}\n") for number in range(30)]
        shown = await store.report(Report(prediction=PredictionId("p1"), attempt=1, events=told))
        found = await store.get(PredictionId("p1"))

    assert found == shown
    assert found is not None
    assert found.logs.split() == [str(number) for number in range(30)]
