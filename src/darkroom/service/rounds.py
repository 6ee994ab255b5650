"""Rounds through what is to be removed: what cannot be removed now holds nothing else up."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

import structlog

from darkroom.domain.errors import FilesUnavailable
from darkroom.ports.files import Aged
from darkroom.ports.serving import Clock

_log = structlog.get_logger()
AGAIN_SECONDS = 60.0
"""Between the first failure of a round and the next round, and so between two warnings."""

Id = TypeVar("Id", bound=str)


class Rounds(Generic[Id]):
    """Removes the oldest first, batch after batch; what fails is tried again in the next round.

    A round in which nothing failed is followed by the next at once.

    Args:
        noun: what they are, in the log.
        find: up to so many, the oldest first, behind one.
        clear: deletes the files of one.
        forget: removes the rows of one, once it has no files any more.
        clock: its monotonic time spaces the rounds.
    """

    def __init__(
        self,
        noun: str,
        *,
        find: Callable[[int, Aged[Id] | None], Awaitable[Sequence[Aged[Id]]]],
        clear: Callable[[Id], Awaitable[None]],
        forget: Callable[[Id], Awaitable[object]],
        clock: Clock,
    ) -> None:
        self._noun = noun
        self._find = find
        self._clear = clear
        self._forget = forget
        self._clock = clock
        self._past: Aged[Id] | None = None
        self._again_at: float | None = None  # None while nothing has failed

    async def batch(self, most: int) -> tuple[int, bool]:
        """Remove up to *most*; returns how many, and whether there may be more at once.

        Raises:
            StoreBusy: the database takes no writes now.
        """
        found = await self._find(most, self._past)
        # The files first: as long as its rows are there, it is found again.
        cleared = await asyncio.gather(*(self._cleared(one.id) for one in found))
        bare = [one.id for one, done in zip(found, cleared, strict=True) if done]
        await asyncio.gather(*(self._forget(id_) for id_ in bare))
        if found:
            self._past = found[-1]
        if len(found) == most:
            return len(bare), True
        self._end_round()
        return len(bare), False

    async def _cleared(self, id_: Id) -> bool:
        try:
            await self._clear(id_)
        except FilesUnavailable as error:
            if self._again_at is None:
                self._again_at = self._clock.monotonic() + AGAIN_SECONDS
                _log.warning("data.kept", **{self._noun: id_}, error=str(error))
            return False
        return True

    def _end_round(self) -> None:
        if self._again_at is None or self._clock.monotonic() >= self._again_at:
            self._past = self._again_at = None
