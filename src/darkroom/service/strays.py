"""Strays: files of predictions that no row names and no open attempt can still name.

An attempt that was lost leaves what it had stored; an input is stored before its prediction's row,
which a crash can prevent. Neither is found by its row, so the file store itself is looked through:
a page at a time, without hurry, and nothing younger than a day is touched.
"""

import structlog

from darkroom.domain.errors import FilesUnavailable
from darkroom.domain.ids import PredictionId
from darkroom.ports.buckets import FilePlace, KnownFiles, Lying, Shelf
from darkroom.ports.serving import Clock

_log = structlog.get_logger()
STRAY_MS = 24 * 3_600_000
"""How old a file is before it can be a stray."""

PAGE_SECONDS = 1.0
ROUND_SECONDS = 3600.0
TROUBLE_SECONDS = 60.0
_LARGEST = 2**31


class Strays:
    """Removes strays; what a crash interrupts is found again in the next round.

    Args:
        shelf: what lies in the file store.
        known: which files have an owner.
        clock: its wall time tells how old a file is, its monotonic time spaces the pages.
    """

    def __init__(self, *, shelf: Shelf, known: KnownFiles, clock: Clock) -> None:
        self._shelf = shelf
        self._known = known
        self._clock = clock
        self._after: str | None = None
        self._due_at = 0.0
        self._removed = 0

    async def once(self) -> None:
        """Look through one page, if it is time for it.

        Raises:
            StoreBusy: the database cannot be read now.
        """
        now = self._clock.monotonic()
        if now < self._due_at:
            return
        try:
            more = await self._look()
        except FilesUnavailable as error:
            _log.warning("strays.postponed", error=str(error))
            self._due_at = now + TROUBLE_SECONDS
            return
        self._due_at = now + (PAGE_SECONDS if more else ROUND_SECONDS)

    async def _look(self) -> bool:
        page = await self._shelf.page(self._after)
        before = self._clock.wall_ms() - STRAY_MS
        old = [lying for lying in page.found if lying.changed_at < before]
        strays = await self._strays(old)
        await self._shelf.discard(strays)
        self._after = page.next
        self._removed += len(strays)
        if page.next is None and self._removed:
            _log.info("strays.removed", files=self._removed)
            self._removed = 0
        return page.next is not None

    async def _strays(self, old: list[Lying]) -> list[str]:
        places = {
            lying.name: place
            for lying in old
            if not lying.half and (place := _place(lying.key)) is not None
        }
        asked = list(places.values())
        unknown = set(await self._known.unknown(asked)) if asked else set[FilePlace]()
        return [lying.name for lying in old if lying.half or places.get(lying.name) in unknown]


def _place(key: str) -> FilePlace | None:
    """Where *key* belongs; None if it is not one of ours, for a bucket may hold other things."""
    match key.split("/"):
        case ["predictions", id_, attempt, index] if _is_number(attempt) and _is_number(index):
            return FilePlace(PredictionId(id_), int(attempt), int(index))
        case _:
            return None


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 10 and int(text) < _LARGEST
