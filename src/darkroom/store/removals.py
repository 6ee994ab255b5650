"""What is removed of predictions after a time, as tables of a database."""

from collections.abc import Awaitable, Sequence
from typing import cast

from darkroom.domain.ids import PredictionId
from darkroom.domain.prediction import Milliseconds
from darkroom.ports.files import Aged
from darkroom.store.database import Database, rows_of
from darkroom.store.rows import BEFORE_ALL
from darkroom.store.transitions import removing


class RemovalTables:
    """Satisfies Removals."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def removable(
        self, keep_ms: int, most: int, past: Aged[PredictionId] | None = None
    ) -> Sequence[Aged[PredictionId]]:
        """What has ended long enough ago."""
        past_at, past_id = past or BEFORE_ALL
        asked = {"keep_ms": keep_ms, "most": most, "past_at": past_at, "past": past_id}
        found = await self._database.read(rows_of("removable", asked))
        return [Aged(*row) for row in cast("list[tuple[Milliseconds, PredictionId]]", found)]

    def remove(self, prediction: PredictionId) -> Awaitable[bool]:
        """T9."""
        return self._database.write(lambda: removing.remove(prediction))

    def forget_keys(self, keep_ms: int) -> Awaitable[object]:
        """Forget old idempotency keys."""
        asked = {"keep_ms": keep_ms}
        return self._database.write(lambda: rows_of("forget_idempotency_keys", asked))

    def scrub(self) -> Awaitable[object]:
        """Leave no bytes of what was removed."""
        return self._database.scrub()
