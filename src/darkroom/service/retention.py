"""What is removed after a time: data of predictions, uploads, idempotency keys."""

from collections.abc import Sequence

import structlog

from darkroom.domain.errors import StoreBusy
from darkroom.domain.ids import PredictionId
from darkroom.ports.files import Aged, Blobs, Removals
from darkroom.ports.requests import KEY_MS
from darkroom.ports.serving import Clock
from darkroom.service.rounds import Rounds
from darkroom.service.uploads import Uploads

_log = structlog.get_logger()
AT_ONCE = 50
"""Rows of a batch: their statements run on the event loop within one turn."""

SCRUB_SECONDS = 60.0
"""How long bytes of removed rows may stay in the database's files."""


class Retention:
    """Removes what is older than it may be; what a crash interrupts is done again.

    Args:
        store: rows of predictions.
        blobs: their files.
        uploads: files of clients.
        clock: its monotonic time spaces the scrubs, and rounds in which files could not be deleted.
        keep_ms: how long data of a prediction is kept after its end; None for ever.
    """

    def __init__(
        self,
        *,
        store: Removals,
        blobs: Blobs,
        uploads: Uploads,
        clock: Clock,
        keep_ms: int | None,
    ) -> None:
        self._store = store
        self._blobs = blobs
        self._predictions = Rounds(
            "prediction", find=self._found, clear=self._clear, forget=store.remove, clock=clock
        )
        self._uploads = uploads
        self._clock = clock
        self._keep_ms = keep_ms
        self._scrub_due_at: float | None = None
        self._scrubbed_at = -SCRUB_SECONDS

    async def once(self) -> bool:
        """Remove one batch of each; True if there may be more.

        Raises:
            StoreBusy: the database takes no writes now.
        """
        removed, more = await self._predictions.batch(AT_ONCE)
        forgotten, more_uploads = await self._uploads.remove_expired(AT_ONCE)
        await self._store.forget_keys(KEY_MS)
        if removed or forgotten:
            _log.info("data.removed", predictions=removed, uploads=forgotten)
            if self._scrub_due_at is None:
                self._scrub_due_at = self._scrubbed_at + SCRUB_SECONDS
        await self._scrub()
        return more or more_uploads

    async def _found(
        self, most: int, past: Aged[PredictionId] | None
    ) -> Sequence[Aged[PredictionId]]:
        if self._keep_ms is None:
            return ()
        return await self._store.removable(self._keep_ms, most, past)

    async def _clear(self, id_: PredictionId) -> None:
        await self._blobs.delete_under(f"predictions/{id_}")

    async def _scrub(self) -> None:
        now = self._clock.monotonic()
        if self._scrub_due_at is None or now < self._scrub_due_at:
            return
        try:
            await self._store.scrub()
        except StoreBusy as error:
            _log.info("scrub.postponed", error=str(error))
            return
        self._scrubbed_at, self._scrub_due_at = now, None
