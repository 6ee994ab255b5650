"""Counts of predictions by pool, from the tables of a database."""

from collections.abc import Sequence
from typing import cast

from darkroom.domain.ids import VersionId
from darkroom.ports.pools import Running, Waiting
from darkroom.store.database import Database, rows_of


class PoolTables:
    """Satisfies PoolCounts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def waiting(self) -> Sequence[Waiting]:
        """What nobody runs."""
        found = await self._database.read(rows_of("pool_waiting", {}))
        rows = cast("list[tuple[str, str, int]]", found)
        return [Waiting(pool, VersionId(version), count) for pool, version, count in rows]

    async def running(self) -> Sequence[Running]:
        """What workers hold."""
        found = await self._database.read(rows_of("pool_running", {}))
        return [Running(*row) for row in cast("list[tuple[str, str, int]]", found)]
