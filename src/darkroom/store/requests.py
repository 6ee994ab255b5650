"""Which request made which prediction, as tables of a database."""

from collections.abc import Awaitable, Sequence

from darkroom.domain.ids import Owner, PredictionId
from darkroom.domain.prediction import Prediction
from darkroom.ports.predictions import Acceptance
from darkroom.ports.requests import Remembered
from darkroom.store.database import Database, rows_of
from darkroom.store.transitions import repeating


class RequestTables:
    """Satisfies RequestStore."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def accept_once(
        self, new: Acceptance, key: str, digest: str
    ) -> Awaitable[Prediction | Remembered]:
        """T1 with an idempotency key, and T2 if a holder is named."""
        return self._database.write(lambda: repeating.accept_once(new, key, digest))

    async def remembered(self, owner: Owner, key: str) -> Remembered | None:
        """What a key has made."""
        return await self._database.read(repeating.remembered(owner, key))

    async def recent(self, since: PredictionId, most: int) -> Sequence[Remembered]:
        """Requests of the newest predictions, oldest first."""
        found = await self._database.read(
            rows_of("recent_requests", {"since": since, "most": most})
        )
        return [repeating.of_row(row) for row in reversed(found)]

    def forget(self, since: PredictionId, kept: Sequence[Remembered]) -> Awaitable[None]:
        """Forget requests."""
        return self._database.write(lambda: repeating.forget(since, kept))

    def withdraw(self, prediction: PredictionId, owner: Owner, key: str | None) -> Awaitable[None]:
        """Forget one request."""
        return self._database.write(lambda: repeating.withdraw(prediction, owner, key))

    async def unended(self) -> Sequence[tuple[PredictionId, Owner]]:
        """What has not ended."""
        found = await self._database.read(rows_of("unended", {}))
        return [(PredictionId(str(id_)), Owner(str(owner))) for id_, owner in found]
