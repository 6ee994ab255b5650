"""A short order that arrives while a long one runs, beside the same short order alone."""

from collections.abc import Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from bench.engine.asked import Maker
from bench.engine.case import LONG_STEPS, Case, Effort, rounds
from bench.figures import Figure, middle, plain, ratio_at_most

GOAL = 1.3
ARRIVES_AFTER = 3
"""Steps that the long order has taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Seconds of one short order, both ways.

    Args:
        alone: to its picture.
        behind: to its picture, beside the long one.
        first: to the end of its first step, beside the long one.
        tick: one step of the long one before the short one came.
    """

    alone: float
    behind: float
    first: float
    tick: float


def pairs(case: Case, maker: Maker, effort: Effort) -> list[Pair]:
    """Both ways in turn, every second round in reverse."""
    found: list[Pair] = []
    for number in rounds(effort):
        print(f"engine: {case.name}: a short order behind a long one, {number + 1}", flush=True)
        if number % 2 == 0:
            alone = _alone(case, maker)
            behind, first, tick = _behind(case, maker)
        else:
            behind, first, tick = _behind(case, maker)
            alone = _alone(case, maker)
        found.append(Pair(alone=alone, behind=behind, first=first, tick=tick))
    return found


def figures(case: Case, found: Sequence[Pair]) -> list[Figure]:
    """The goal is held against the median of each."""
    name = f"{case.name}, a short order behind a long one"
    alone = middle(pair.alone for pair in found)
    behind = middle(pair.behind - pair.tick for pair in found)
    return [
        ratio_at_most(
            f"{name}: to its picture, less a tick, against alone",
            behind,
            "s",
            baseline=alone,
            goal=GOAL,
        ),
        plain(f"{name}: to its first step", middle(pair.first for pair in found), "s"),
        plain(f"{name}: a tick before it came", middle(pair.tick for pair in found), "s"),
    ]


def _alone(case: Case, maker: Maker) -> float:
    return maker.make(case.orders(1)).seconds


def _behind(case: Case, maker: Maker) -> tuple[float, float, float]:
    short = case.orders(1)[0]
    long = replace(short, seed=short.seed + 1, steps=LONG_STEPS, background=True)
    made = maker.make([long, replace(short, after=ARRIVES_AFTER)])
    came = made.came[1]
    return came.seconds, came.first, middle(made.ticks[1:ARRIVES_AFTER])
