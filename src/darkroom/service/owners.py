"""What the operator grants to owners: a share, a priority, and how many may wait and run."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from darkroom.domain.errors import InvalidField, InvalidInput
from darkroom.domain.ids import Owner

PRIORITY_HEADER = "Darkroom-Priority"
HIGHEST_PRIORITY = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What one owner is granted.

    Args:
        weight: its share of the workers beside others that wait, above 0.
        priority: -10 to 10; what has a higher one goes first.
        running: how many of its predictions may be claimed at once; 0 for any number.
        queued: how many of its predictions may be there that have not ended; 0 for any number.
    """

    weight: float = 1.0
    priority: int = 0
    running: int = 0
    queued: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Owners:
    """The terms of every owner.

    Args:
        named: those that have terms of their own.
        others: the terms of all others.
    """

    named: Mapping[Owner, Terms] = field(default_factory=dict[Owner, Terms])
    others: Terms = field(default_factory=Terms)

    def of(self, owner: Owner) -> Terms:
        """The terms of one owner."""
        return self.named.get(owner, self.others)

    def running_limit(self, owner: Owner) -> int:
        """How many predictions of *owner* may be claimed at once; 0 for any number."""
        return self.of(owner).running

    @property
    def limit_running(self) -> bool:
        """Whether anybody has a running limit."""
        return any(terms.running for terms in (self.others, *self.named.values()))

    @property
    def limit_queued(self) -> bool:
        """Whether anybody has a limit on what has not ended."""
        return any(terms.queued for terms in (self.others, *self.named.values()))

    def priority(self, owner: Owner, asked: int | None) -> int:
        """The priority of a prediction whose creation asks for *asked*.

        Raises:
            InvalidInput: it asks for more than its owner has.
        """
        granted = self.of(owner).priority
        if asked is None:
            return granted
        if asked > granted:
            raise InvalidInput(
                [
                    InvalidField(
                        type="number_lte",
                        field=PRIORITY_HEADER,
                        description=f"Must be less than or equal to {granted}, the priority of "
                        "its owner",
                    )
                ]
            )
        return asked
