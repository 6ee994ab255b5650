"""Turns and lines of owners, as the tables of a database have them."""

from collections.abc import Awaitable, Mapping, Sequence
from typing import cast

from darkroom.domain.ids import Owner, PredictionId, VersionId
from darkroom.ports.turns import Elsewhere, Waiting
from darkroom.store.database import Database, rows_of
from darkroom.store.rows import Row
from darkroom.store.transitions import lining


class TurnTables:
    """Satisfies TurnStore."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def waiting(self) -> Sequence[Waiting]:
        """All that waits."""
        return [_waiting(row) for row in await self._database.read(rows_of("turns_waiting", {}))]

    async def elsewhere(self, since: PredictionId, most: int) -> Sequence[Elsewhere]:
        """What others have accepted lately."""
        bounds = {"since": since, "most": most}
        return [
            _elsewhere(row) for row in await self._database.read(rows_of("turns_elsewhere", bounds))
        ]

    async def run_seconds(self, most: int) -> Mapping[VersionId, float]:
        """What runs took lately."""
        found = await self._database.read(rows_of("run_times", {"most": most}))
        means = cast("list[tuple[str, float]]", found)
        return {VersionId(version): seconds for version, seconds in means}

    async def lined(self) -> Sequence[Owner]:
        """Owners that have a running limit and something that waits."""
        found = await self._database.read(rows_of("lined_owners", {}))
        return [Owner(str(owner)) for (owner,) in found]

    def advance(self, owner: Owner) -> Awaitable[Sequence[VersionId] | None]:
        """Let the first of each line forward."""
        return self._database.write(lambda: lining.advance(owner))

    def limit(self, owner: Owner, *, limited: bool) -> Awaitable[object]:
        """Count against a limit, or no more."""
        return self._database.write(lambda: lining.change(owner, limited=limited))


def _waiting(row: Row) -> Waiting:
    version, priority, owner, count, first, last, lowest, highest = cast(
        "tuple[str, int, str, int, float, float, int, int]", row
    )
    return Waiting(
        version=VersionId(version),
        priority=priority,
        owner=Owner(owner),
        count=count,
        first=first,
        last=last,
        limited=None if not lowest and highest else bool(lowest),
    )


def _elsewhere(row: Row) -> Elsewhere:
    version, priority, owner, last = cast("tuple[str, int, str, float]", row)
    return Elsewhere(version=VersionId(version), priority=priority, owner=Owner(owner), last=last)
