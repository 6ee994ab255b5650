"""Whether a version may be loaded now, and which others must go for it: values in, a decision out.

Versions of one kind share a host and what memory it has to give, its budget. A limit to their
number counts all kinds. Nothing here knows of hosts, runs or time.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True, kw_only=True)
class Occupant:
    """A version that is loaded or being loaded.

    Args:
        size_bytes: as measured when it was loaded, or else as estimated.
        alone: it once did not fit beside others, whatever the sizes say.
        loading: what it takes is not known yet.
        in_use: a run needs it.
        pinned: it stays.
    """

    version: str
    kind: str
    size_bytes: int = 0
    alone: bool = False
    loading: bool = False
    in_use: bool = False
    pinned: bool = False

    @property
    def movable(self) -> bool:
        """Whether it may go, now or when its runs are over."""
        return not (self.pinned or self.loading)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A version that is to be loaded; `measured` tells whether its size is more than a guess."""

    kind: str
    size_bytes: int = 0
    measured: bool = False
    alone: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much may be loaded.

    Args:
        most: versions of all kinds together; 0 is no limit.
        budget_bytes: for all versions of one kind; 0 where its host has not told, or has none.
    """

    most: int = 0
    budget_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Place:
    """It may be loaded as soon as these are unloaded; none of them is in use."""

    unload: Sequence[Occupant]


@dataclass(frozen=True, slots=True)
class Wait:
    """It must wait until these can go; none if only for another one to be loaded."""

    until: Sequence[Occupant]


@dataclass(frozen=True, slots=True)
class Never:
    """It has no room beside these, which are pinned."""

    beside: Sequence[Occupant]


Decision: TypeAlias = Place | Wait | Never


def decide(wish: Wish, occupants: Sequence[Occupant], limits: Limits) -> Decision:
    """Find room for *wish*.

    As few as need be go, of those not in use the first ones first. What is larger than the whole
    budget is tried all the same where it is alone, and so is a mere guess beside the pinned.

    Args:
        wish: is not among the occupants.
        occupants: those used least recently first.
        limits: its budget is that of the wish's kind.
    """
    if any(one.loading for one in _beside(wish, occupants)):
        return Wait(())  # once that one is weighed, it is known how much is left
    movable = [one for one in occupants if one.movable]
    pinned = [one for one in occupants if not one.movable]
    if not _fits(wish, pinned, limits):
        if any(one.loading for one in pinned):
            return Wait(())
        crowded = 0 < limits.most <= len(pinned)
        return Never(pinned if crowded else _beside(wish, pinned))
    going = _going(wish, sorted(movable, key=lambda one: one.in_use), pinned, limits)
    return Wait(going) if any(one.in_use for one in going) else Place(going)


def excess(kind: str, occupants: Sequence[Occupant], budget_bytes: int) -> Sequence[Occupant]:
    """Which idle versions of *kind* are too many, now that all are weighed; one may always stay.

    Args:
        kind: whose budget it is.
        occupants: those used least recently first.
        budget_bytes: 0 is no limit.
    """
    left = [one for one in occupants if one.kind == kind]
    over = sum(one.size_bytes for one in left) - budget_bytes if budget_bytes else 0
    gone: list[Occupant] = []
    for one in left[:-1]:
        if over > 0 and one.movable and not one.in_use and one.size_bytes:
            gone.append(one)
            over -= one.size_bytes
    return gone


def _going(
    wish: Wish, movable: Sequence[Occupant], staying: Sequence[Occupant], limits: Limits
) -> Sequence[Occupant]:
    """The first of *movable* without whom it fits, less those who turn out not to matter."""
    going: list[Occupant] = []
    left = [*movable, *staying]
    while not _fits(wish, left, limits):
        going.append(left.pop(0))
    for one in reversed(going[:-1]):
        if _fits(wish, [one, *left], limits):
            going.remove(one)
            left.append(one)
    return going


def _fits(wish: Wish, left: Sequence[Occupant], limits: Limits) -> bool:
    """Whether *wish* can be loaded beside *left*; the fewer they are, the rather it does."""
    if limits.most and len(left) >= limits.most:
        return False
    beside = _beside(wish, left)
    if not beside:
        return True
    if wish.alone or any(one.alone for one in beside):
        return False
    if not wish.measured and not any(one.movable for one in beside):
        return True
    taken = sum(one.size_bytes for one in beside)
    return not limits.budget_bytes or taken + wish.size_bytes <= limits.budget_bytes


def _beside(wish: Wish, occupants: Sequence[Occupant]) -> Sequence[Occupant]:
    return [one for one in occupants if one.kind == wish.kind]
