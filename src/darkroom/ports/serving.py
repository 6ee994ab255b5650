"""What the server asks of its surroundings: checks of inputs, workers kept alive, time."""

from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from typing import Protocol

from darkroom.domain.model import Json, Version


class InputValidator(Protocol):
    """Holds create bodies against the schema of a version, in the words of the wire."""

    def check(self, version: Version, body: Json, *, with_version: bool) -> None:
        """Check a whole create body.

        Args:
            version: what the body wants to run.
            body: as it was decoded, of any JSON type.
            with_version: whether the body names the version; otherwise it must not.

        Raises:
            InvalidInput: with every fault at once, those beside `input` first.
        """
        ...

    def check_envelope(self, body: Json) -> None:
        """Check a body whose version is not known; `input` is looked at from outside only.

        Raises:
            InvalidInput: with every fault at once; always where `version` is no string.
        """
        ...

    def check_body(self, schema: Mapping[str, Json], body: Json) -> None:
        """Check the body of any other request against its published *schema*.

        Args:
            schema: without references; kept for as long as the server runs.
            body: as it was decoded, of any JSON type.

        Raises:
            InvalidInput: with every fault at once, in the order of the schema's properties.
        """
        ...


class Placer(Protocol):
    """Keeps workers alive somewhere."""

    async def reconcile(self, want: int) -> None:
        """Start or restart workers until *want* run; one that does not start is tried again."""
        ...

    async def stop(self, grace_seconds: float) -> None:
        """Let every worker drain for that long, then end what is left."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolWant:
    """How many workers a pool should have now, and what one of them takes of a cluster.

    `busy` names workers that run something; where some must go, they go last.
    """

    workers: int
    gpus: float = 1.0
    cpus: float = 1.0
    resources: Mapping[str, float] = field(default_factory=dict[str, float])
    busy: Set[str] = frozenset()


class Pools(Protocol):
    """Keeps the workers of pools alive on a cluster."""

    async def reconcile(self, want: Mapping[str, PoolWant]) -> Mapping[str, int]:
        """Take one step towards *want*; returns how many workers each pool has in place.

        It may be called as often as one likes, and by several at once. What a pool has too much is
        drained first. A pool that is not named is wanted no more.

        Raises:
            ClusterAway: the cluster cannot be asked; what runs there goes on.
        """
        ...

    async def stop(self, grace_seconds: float) -> None:
        """Let every worker drain for that long, then remove it; raises as `reconcile` does."""
        ...


class Clock(Protocol):
    """Time, passed in so that tests own it."""

    def wall_ms(self) -> int:
        """Unix time in milliseconds, for names and display."""
        ...

    def monotonic(self) -> float:
        """Seconds that never jump, for waiting."""
        ...
