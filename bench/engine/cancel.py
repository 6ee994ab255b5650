"""An order that is canceled between two others: how soon it is gone, and what they notice."""

from collections.abc import Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from bench.engine.asked import Maker, Wanted
from bench.engine.case import Case, Effort, rounds
from bench.engine.pixels import greatest, pictures
from bench.figures import Figure, at_most, middle, plain

STEPS, CANCELED_AFTER = 6, 2
TICKS_GOAL = 1
LEVELS_GOAL = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One cancel.

    Args:
        ticks: calls of the denoiser that still had the canceled order.
        seconds: until it was gone.
        levels: by how much the neighbours' pictures differ from those without it, of 255.
    """

    ticks: int
    seconds: float
    levels: int


def seen(case: Case, maker: Maker, effort: Effort) -> list[Seen]:
    """The neighbours' pictures are made once without the canceled order."""
    first, canceled, last = (replace(one, steps=STEPS) for one in case.orders(3))
    quiet = pictures(maker.make([first, last]))
    found: list[Seen] = []
    for number in rounds(effort):
        print(f"engine: {case.name}: cancel, {number + 1}", flush=True)
        found.append(
            _once(maker, [first, replace(canceled, cancel_at=CANCELED_AFTER), last], quiet)
        )
    return found


def figures(case: Case, found: Sequence[Seen]) -> list[Figure]:
    """The worst of all cancels, but for the time."""
    name = f"{case.name}, cancel"
    ticks = max(one.ticks for one in found)
    levels = max(one.levels for one in found)
    return [
        at_most(f"{name}: ticks until it is gone", ticks, "ticks", TICKS_GOAL),
        plain(f"{name}: time until it is gone", middle(one.seconds for one in found), "s"),
        at_most(f"{name}: greatest difference of a neighbour", levels, "levels", LEVELS_GOAL)
        if case.levels is not None
        else plain(f"{name}: greatest difference of a neighbour", levels, "levels"),
    ]


def _once(maker: Maker, orders: Sequence[Wanted], quiet: Sequence[bytes]) -> Seen:
    made = maker.make(orders)
    canceled = made.came[1]
    if canceled.pixels:
        raise RuntimeError("the canceled order came all the same")
    levels = greatest(zip(quiet, pictures(made), strict=True))
    return Seen(ticks=canceled.late_calls, seconds=canceled.late_seconds, levels=levels)
