"""What is removed after a time: data of predictions, uploads, idempotency keys."""

import asyncio

import structlog

from darkroom.domain.errors import FilesUnavailable, StoreBusy
from darkroom.domain.ids import PredictionId
from darkroom.ports.files import Blobs, Removals
from darkroom.ports.requests import KEY_MS
from darkroom.ports.serving import Clock
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
        clock: its monotonic time spaces the scrubs.
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
        removed = await self._predictions()
        forgotten = await self._uploads.remove_expired(AT_ONCE)
        await self._store.forget_keys(KEY_MS)
        if removed or forgotten:
            _log.info("data.removed", predictions=removed, uploads=forgotten)
            if self._scrub_due_at is None:
                self._scrub_due_at = self._scrubbed_at + SCRUB_SECONDS
        await self._scrub()
        return max(removed, forgotten) == AT_ONCE

    async def _predictions(self) -> int:
        if self._keep_ms is None:
            return 0
        found = await self._store.removable(self._keep_ms, AT_ONCE)
        # The files first: as long as the row is not marked, they are looked for again.
        cleared = await asyncio.gather(*[self._without_files(id_) for id_ in found])
        bare = [id_ for id_, done in zip(found, cleared, strict=True) if done]
        return sum(await asyncio.gather(*[self._store.remove(id_) for id_ in bare]))

    async def _without_files(self, id_: PredictionId) -> bool:
        try:
            await self._blobs.delete_under(f"predictions/{id_}")
        except FilesUnavailable as error:
            _log.warning("data.kept", prediction=id_, error=str(error))
            return False
        return True

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
