"""Which files of predictions have an owner, asked of a database."""

from collections.abc import Sequence

from darkroom.ports.buckets import FilePlace
from darkroom.store.database import Database
from darkroom.store.transitions import finding

_AT_ONCE = 50


class KnownFileTables:
    """Satisfies KnownFiles."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def unknown(self, places: Sequence[FilePlace]) -> Sequence[FilePlace]:
        """Files without an owner; asked in batches, so that other readers come between."""
        found: list[FilePlace] = []
        for start in range(0, len(places), _AT_ONCE):
            batch = places[start : start + _AT_ONCE]
            found += await self._database.read(finding.unknown_files(batch))
        return found
