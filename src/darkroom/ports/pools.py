"""What is known of the pools of workers, by counting predictions."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from darkroom.domain.ids import VersionId


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many predictions of a version wait in a pool."""

    pool: str
    version: VersionId
    count: int


@dataclass(frozen=True, slots=True)
class Running:
    """How many attempts a worker of a pool holds, whichever server it is connected to."""

    pool: str
    worker: str
    count: int


class PoolCounts(Protocol):
    """Counts of what all servers of the database have accepted."""

    async def waiting(self) -> Sequence[Waiting]:
        """What nobody runs."""
        ...

    async def running(self) -> Sequence[Running]:
        """What has not ended for its worker, canceled predictions too."""
        ...
