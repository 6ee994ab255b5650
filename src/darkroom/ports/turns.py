"""What the store knows of turns: what waits, what others have accepted, and lines of owners."""

from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from darkroom.domain.ids import Owner, PredictionId, VersionId


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """What waits for one version, of one priority and owner.

    Args:
        count: how many of them this server has accepted and nobody has run.
        first: the lowest fair key.
        last: the highest fair key.
        limited: whether all of it counts against a running limit; None if only some does.
    """

    version: VersionId
    priority: int
    owner: Owner
    count: int
    first: float
    last: float
    limited: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Elsewhere:
    """The highest fair key that other servers have given for a version, priority and owner."""

    version: VersionId
    priority: int
    owner: Owner
    last: float


class TurnStore(Protocol):
    """Turns and lines, as the database has them."""

    async def waiting(self) -> Sequence[Waiting]:
        """All that waits, put together; reads all of it."""
        ...

    async def elsewhere(self, since: PredictionId, most: int) -> Sequence[Elsewhere]:
        """What other servers have accepted since an id; the newest *most* of it."""
        ...

    async def run_seconds(self, most: int) -> Mapping[VersionId, float]:
        """How long the newest *most* attempts took on average, those of them that succeeded."""
        ...

    async def lined(self) -> Sequence[Owner]:
        """Owners that have a running limit and something that waits."""
        ...

    def advance(self, owner: Owner) -> Awaitable[Sequence[VersionId] | None]:
        """Let the first of each line of *owner* forward; returns the versions it waits for.

        None: another server is at it just now; try again.
        """
        ...

    def limit(self, owner: Owner, *, limited: bool) -> Awaitable[object]:
        """Count what an owner has waiting and running against its limit from now on, or no more."""
        ...
