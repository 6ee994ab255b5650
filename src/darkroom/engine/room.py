"""How many rows fit on the device at once: learned from what they took, never assumed."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import TypeAlias

from darkroom.engine.settings import MOST_ROWS

Group: TypeAlias = tuple[int, Hashable]
"""Which engine, by number, and which rows of it may be stacked."""

FIRST_LANES = 2
"""What a geometry not met before begins with: one picture with guidance."""

MARGIN = 0.9
"""Of what is free, so much is used: allocators lose some to fragments."""

FORGIVEN = 100
"""After so many calls in which nothing was refused, twice as many are tried again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lanes:
    """How many rows a call may have, 1 to `MOST_ROWS`.

    Args:
        usual: of orders that come together by chance.
        most: of one order, whose rows are not parted without need: it is the same picture each
            time it is made alone.
    """

    usual: int
    most: int


class Room:
    """Knows what a row of each geometry takes, and what was refused.

    A group's batch at most doubles from one call to the next, so that what a larger one really
    takes is seen before a much larger one is tried; a single order may have more.

    Args:
        free: bytes that a call of the denoiser may take now; None if nobody knows.
    """

    def __init__(self, free: Callable[[], int | None]) -> None:
        self._free = free
        self._bytes: dict[Group, float] = {}
        self._at_most: dict[Group, float] = {}
        self._largest: dict[Group, int] = {}
        self._refused: dict[Group, int] = {}
        self._good: dict[Group, int] = {}

    def lanes(self, group: Group) -> Lanes:
        """How many rows of the denoiser's batch *group* may have."""
        most = MOST_ROWS
        free, each = self._free(), self._bytes.get(group, self._at_most.get(group, 0.0))
        if free is not None and each > 0:
            most = min(most, int(MARGIN * free / each))
        most = max(1, min(most, self._refused.get(group, most)))
        tried = 2 * self._largest[group] if group in self._largest else FIRST_LANES
        return Lanes(usual=min(tried, most), most=most)

    def learned(self, group: Group, lanes: int, peak_bytes: int, *, alone: bool) -> None:
        """A call went well.

        Args:
            group: of its rows.
            lanes: how many there were.
            peak_bytes: what the device had to give at the height of it.
            alone: whether nothing else took of that. What was measured otherwise, while a picture
                was decoded, say, counts until there is better.
        """
        known = self._bytes if alone else self._at_most
        known[group] = max(known.get(group, 0.0), peak_bytes / lanes)
        self._largest[group] = max(self._largest.get(group, 0), lanes)
        if group in self._refused:
            self._good[group] = self._good.get(group, 0) + 1
            if self._good[group] >= FORGIVEN:
                self._good[group] = 0
                self._refused[group] = min(MOST_ROWS, 2 * self._refused[group])

    def refused(self, group: Group, lanes: int) -> None:
        """A call with so many lanes found no room: half as many from now on."""
        self._refused[group] = max(1, lanes // 2)
        self._good[group] = 0

    def forget(self, engine: int) -> None:
        """Drop what is known of an engine."""
        for known in (self._bytes, self._at_most, self._largest, self._refused, self._good):
            for group in [one for one in known if one[0] == engine]:
                del known[group]
