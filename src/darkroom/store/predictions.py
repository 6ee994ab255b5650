"""Predictions, their attempts and files, as tables of a database."""

from collections.abc import Awaitable, Sequence

from darkroom.domain.events import Event, Report
from darkroom.domain.ids import Owner, PredictionId, VersionId, first_id
from darkroom.domain.prediction import Prediction, StoredFile
from darkroom.ports.predictions import (
    Acceptance,
    Adopted,
    Asking,
    Claimed,
    Holder,
    LiveAttempt,
    Lost,
    Page,
)
from darkroom.store import rows
from darkroom.store.database import Database, rows_of
from darkroom.store.transitions import (
    accepting,
    adopting,
    claiming,
    ending,
    losing,
    reading,
    reporting,
)

_END_OF_TIME_MS = 2**62
_ASIDE_MS = 600_000
"""How far an id's time may be from when its row was made: large inputs, clocks set back."""


class PredictionTables:
    """Satisfies PredictionStore and Attempts.

    Methods that change predictions are not coroutines: what they queue is queued at once.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def accept(self, new: Acceptance) -> Awaitable[Prediction]:
        """T1, and T2 if a holder is named."""
        about = None if new.limited else new.id  # a gate depends on others of its owner
        return self._database.write(lambda: accepting.accept(new), patient=new.patient, about=about)

    def claim(self, asking: Asking) -> Awaitable[Sequence[Claimed]]:
        """T2."""
        return self._database.write(lambda: claiming.claim(asking))

    def report(self, report: Report) -> Awaitable[Prediction | None]:
        """T3, T4, T5."""
        return self._database.write(lambda: reporting.report(report), about=report.prediction)

    def lose(self, lost: Lost) -> Awaitable[Prediction | None]:
        """T6."""
        return self._database.write(lambda: losing.lose(lost), about=lost.prediction)

    def cancel(self, prediction: PredictionId, owner: Owner | None) -> Awaitable[Prediction | None]:
        """T7."""
        return self._database.write(lambda: ending.cancel(prediction, owner), about=prediction)

    def expire(self, most: int) -> Awaitable[Sequence[Prediction]]:
        """T8."""
        return self._database.write(lambda: ending.expire(most))

    async def get(self, prediction: PredictionId) -> Prediction | None:
        """One prediction with its outputs and log."""
        return await self._database.read(reading.one(prediction))

    async def page(self, owner: Owner, page: Page) -> Sequence[Prediction]:
        """One page, newest first."""
        upwards = page.after is not None
        above, below = _between(page)
        parameters = {
            "owner": owner,
            "above": above,
            "below": below,
            "from_ms": page.created_from or 0,
            "until_ms": _END_OF_TIME_MS if page.created_until is None else page.created_until,
            "size": page.size,
        }
        down, up = (
            ("trainings_down", "trainings_up") if page.trainings else ("page_down", "page_up")
        )
        statement = up if upwards else down
        found = await self._database.read(reading.several(statement, parameters))
        return list(reversed(found)) if upwards else found

    async def events(self, prediction: PredictionId, after: int) -> Sequence[Event]:
        """Events after number *after*."""
        return await self._database.read(reading.events(prediction, after))

    async def live(self) -> Sequence[LiveAttempt]:
        """All open attempts."""
        found = await self._database.read(rows_of("live_attempts", {}))
        return [rows.live_attempt(row) for row in found]

    def adopt(self, holder: Holder, held: Sequence[tuple[PredictionId, int]]) -> Awaitable[Adopted]:
        """T10."""
        return self._database.write(lambda: adopting.adopt(holder, frozenset(held)))

    async def departed(self, within_ms: int) -> Sequence[Holder]:
        """Workers that others have seen last."""
        found = await self._database.read(rows_of("departed", {"within_ms": within_ms}))
        return [rows.remote_worker(row) for row in found]

    async def waiting(self) -> Sequence[VersionId]:
        """Versions that unclaimed predictions wait for."""
        found = await self._database.read(rows_of("waiting", {}))
        return [VersionId(str(version)) for (version,) in found]

    def repool(self, version: VersionId, pool: str) -> Awaitable[int]:
        """Move what waits to another pool."""
        return self._database.write(lambda: accepting.repool(version, pool))

    async def file(self, prediction: PredictionId, attempt: int, index: int) -> StoredFile | None:
        """A stored output or input."""
        place = {"id": prediction, "attempt": attempt, "place": index}
        found = await self._database.read(rows_of("item", place))
        return rows.stored_file(prediction, found[0]) if found else None


def _between(page: Page) -> tuple[str, str]:
    """The ids between which a page lies; those of its times, so that no others are read."""
    above, below = page.after or "", page.before or rows.ABOVE_ALL_IDS
    if page.created_from is not None:
        above = max(above, first_id(page.created_from - _ASIDE_MS))
    if page.created_until is not None:
        below = min(below, first_id(page.created_until + _ASIDE_MS))
    return above, below
