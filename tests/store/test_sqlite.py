"""What SQLite alone can get wrong: plans, migrations, commits in company, and sudden death."""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.store.acceptances import acceptance

from darkroom.domain.errors import StoreBusy
from darkroom.domain.ids import Minter, PredictionId
from darkroom.store.predictions import PredictionTables
from darkroom.store.sqlite import BUSY_SECONDS, open_sqlite


@asynccontextmanager
async def tables(
    path: Path, *, busy_seconds: float = BUSY_SECONDS
) -> AsyncGenerator[PredictionTables]:
    async with open_sqlite(path, busy_seconds=busy_seconds) as database:
        yield PredictionTables(database)


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


ACKNOWLEDGES = """
import asyncio, os, sys
from pathlib import Path
from darkroom.domain.ids import Minter
from tests.store.acceptances import acceptance
from tests.store.test_sqlite import tables
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


@pytest.mark.fault(3)
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
