"""What SQLite alone can get wrong: plans, migrations, commits in company, and sudden death."""

import asyncio
import os
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from darkroom.domain.errors import SchemaTooNew, StoreBusy
from darkroom.domain.events import Finished, LogText, Report
from darkroom.domain.ids import Minter, Owner, PredictionId, VersionId, WorkerId
from darkroom.domain.prediction import JsonText, Outcome, Prediction, Shape
from darkroom.ports.predictions import Acceptance, Holder, Page
from darkroom.store.keys import KeyTables
from darkroom.store.predictions import PredictionTables
from darkroom.store.rows import Parameters
from darkroom.store.sqlite import BUSY_SECONDS, open_sqlite
from darkroom.store.statements import SQLITE, load

HOLDER = Holder(worker=WorkerId("w"), incarnation=1)
ADA = Owner("ada")


def acceptance(id_: str, *, holder: Holder | None = None) -> Acceptance:
    return Acceptance(
        id=PredictionId(id_),
        owner=ADA,
        model="m/n",
        version=VersionId("v"),
        shape=Shape.ONE,
        input=JsonText("{}"),
        holder=holder,
    )


@asynccontextmanager
async def tables(
    path: Path, *, busy_seconds: float = BUSY_SECONDS
) -> AsyncGenerator[PredictionTables]:
    async with open_sqlite(path, busy_seconds=busy_seconds) as database:
        yield PredictionTables(database)


async def test_what_is_queued_together_is_committed_together_in_order(tmp_path: Path) -> None:
    async with tables(tmp_path / "a.db") as store:
        accepted = store.accept(acceptance("p1", holder=HOLDER))
        finished = Finished(outcome=Outcome.SUCCEEDED)
        report = Report(prediction=PredictionId("p1"), attempt=1, started=True, finished=finished)
        ended = await store.report(report)

        assert (await accepted).created_at > 0
        assert ended is not None
        assert ended == await store.get(PredictionId("p1"))


async def test_a_change_that_fails_does_not_undo_its_companions(tmp_path: Path) -> None:
    async with tables(tmp_path / "a.db") as store:
        await store.accept(acceptance("p1"))
        changes = [store.accept(acceptance(id_)) for id_ in ("p2", "p1", "p3")]
        done = await asyncio.gather(*changes, return_exceptions=True)

        assert isinstance(done[1], sqlite3.IntegrityError)
        assert [one.id for one in done if isinstance(one, Prediction)] == ["p2", "p3"]
        assert [one.id for one in await store.page(ADA, Page(size=9))] == ["p3", "p2", "p1"]


async def test_a_locked_database_is_told_as_busy(tmp_path: Path) -> None:
    async with tables(tmp_path / "a.db", busy_seconds=0.01) as store:
        other = sqlite3.connect(tmp_path / "a.db", isolation_level=None)
        other.execute("begin immediate")
        with pytest.raises(StoreBusy, match="retry"):
            await store.accept(acceptance("p1"))
        other.execute("rollback")
        other.close()

        assert (await store.accept(acceptance("p1"))).id == "p1"


async def test_every_change_of_a_long_queue_is_told_when_the_database_is_locked(
    tmp_path: Path,
) -> None:
    async with tables(tmp_path / "a.db", busy_seconds=0.01) as store:
        other = sqlite3.connect(tmp_path / "a.db", isolation_level=None)
        other.execute("begin immediate")
        changes = [store.accept(acceptance(f"q{number:03}")) for number in range(600)]
        done = await asyncio.wait_for(asyncio.gather(*changes, return_exceptions=True), 30)
        other.execute("rollback")
        other.close()

    assert all(isinstance(one, StoreBusy) for one in done)


async def test_a_database_that_cannot_be_read_is_told_as_busy(tmp_path: Path) -> None:
    async with tables(tmp_path / "a.db") as store:
        await store.accept(acceptance("p1"))
        other = sqlite3.connect(tmp_path / "a.db")
        other.execute("alter table inputs rename to lost")
        other.close()
        with pytest.raises(StoreBusy, match="cannot be read"):
            await store.get(PredictionId("p1"))


async def test_whatever_is_queued_when_the_store_closes_is_committed(tmp_path: Path) -> None:
    async with tables(tmp_path / "a.db") as store:
        await store.accept(acceptance("p1"))
        waiting = [store.accept(acceptance(f"q{number:03}")) for number in range(600)]
    assert len(await asyncio.wait_for(asyncio.gather(*waiting), 30)) == 600


async def test_a_database_of_a_newer_release_is_refused(tmp_path: Path) -> None:
    async with open_sqlite(tmp_path / "a.db"):
        pass
    connection = sqlite3.connect(tmp_path / "a.db")
    connection.execute("insert into schema_migrations values (9999, 'from the future')")
    connection.commit()
    connection.close()

    with pytest.raises(SchemaTooNew, match="9999"):
        async with open_sqlite(tmp_path / "a.db"):
            pass


async def test_secrets_stay_the_same(tmp_path: Path) -> None:
    async with open_sqlite(tmp_path / "a.db") as database:
        first = await KeyTables(database).secret("capabilities")
    async with open_sqlite(tmp_path / "a.db") as database:
        assert await KeyTables(database).secret("capabilities") == first
        assert await KeyTables(database).secret("other") != first
    assert len(first) == 32


async def test_logs_and_events_of_several_reports_add_up(tmp_path: Path) -> None:
    async with tables(tmp_path / "a.db") as store:
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
    ("peek", {"version": "v", "most": 1}, "predictions_ready"),
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
    ("items", {"id": "p"}, "sqlite_autoindex_items"),
    ("live_attempts", {}, "attempts_one_live"),
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


@pytest.mark.parametrize(("name", "parameters", "index"), PLANS, ids=[name for name, *_ in PLANS])
async def test_hot_statements_use_their_index(
    tmp_path: Path, name: str, parameters: Parameters, index: str
) -> None:
    async with open_sqlite(tmp_path / "a.db"):
        pass
    connection = sqlite3.connect(tmp_path / "a.db")
    rows = connection.execute(f"explain query plan {load(SQLITE)[name]}", parameters).fetchall()
    connection.close()
    plan = " ".join(str(row[3]) for row in rows)

    assert index in plan
    assert not re.search(r"SCAN (?!CONSTANT)\w+(?! USING)\b", plan)


ACKNOWLEDGES = """
import asyncio, os, sys
from pathlib import Path
from darkroom.domain.ids import Minter
from tests.store.test_sqlite import acceptance, tables
import time

async def main() -> None:
    ids = Minter(lambda: time.time_ns() // 1_000_000, os.urandom)
    async with tables(Path(sys.argv[1])) as store:
        async def one() -> None:
            while True:
                accepted = await store.accept(acceptance(ids.mint()))
                os.write(1, f"{accepted.id}\\n".encode())
        await asyncio.gather(*(one() for _ in range(8)))

asyncio.run(main())
"""


def acknowledged_until_killed(path: Path) -> list[str]:
    """Ids whose commit a writer has announced before it was killed, three times over."""
    acknowledged: list[str] = []
    for _ in range(3):
        with subprocess.Popen(
            [sys.executable, "-c", ACKNOWLEDGES, str(path)],
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None
            acknowledged += [process.stdout.readline().strip() for _ in range(100)]
            os.kill(process.pid, signal.SIGKILL)
            rest = process.stdout.read().splitlines(keepends=True)
            acknowledged += [line.strip() for line in rest if line.endswith("\n")]
    return acknowledged


async def test_every_acknowledged_prediction_is_there_after_kill_9(tmp_path: Path) -> None:
    acknowledged = await asyncio.to_thread(acknowledged_until_killed, tmp_path / "a.db")
    async with tables(tmp_path / "a.db") as store:
        missing = [id_ for id_ in acknowledged if await store.get(PredictionId(id_)) is None]

    assert len(acknowledged) >= 300
    assert missing == []


@pytest.mark.conformance(23)
def test_ids_sort_in_the_order_they_were_made() -> None:
    times = iter([5, 5, 5, 3, 6, 6])
    minter = Minter(lambda: next(times), lambda size: b"\xff" * size)
    made = [minter.mint() for _ in range(6)]

    assert made == sorted(made)
    assert len(set(made)) == 6
    assert all(len(id_) == 26 and id_[-1] in "048cgmrw" for id_ in made)
