"""Which rows share the next call of the denoiser. Values in, values out; no torch, no clock."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from darkroom.engine.interface import Row
from darkroom.engine.room import Group, Lanes

LONG = 3
"""An order with so many times the steps of the shortest under way makes room for that."""

PATIENCE = 5
"""Every so many turns the long ones are served all the same."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A row under way. Rows of equal `group` may be stacked: one engine, one key."""

    row: Row
    group: Group


def next_batch(
    candidates: Sequence[Candidate],
    *,
    turn: int,
    stepped: Mapping[Group, int],
    lanes: Callable[[Group], Lanes],
    cheap: Callable[[Group, int, int], bool],
) -> Sequence[Candidate]:
    """Choose the rows of one turn: all of one group, or as many as there is room for.

    Groups take turns, the longest unserved first. Within a group, who came first goes on first.
    Short orders do not wait for long ones: those step aside, four turns of five, unless it costs
    the short ones next to nothing to take them along.

    Args:
        candidates: at least one, in the order they came.
        turn: counts up.
        stepped: the turn in which each group was last served.
        lanes: how many rows of the denoiser's batch a group may have; one row is taken in any case,
            and those of its order with it as far as there is room at all.
        cheap: whether more rows of a group, the third, take hardly longer than fewer, the second.
    """
    shortest = min(one.row.total for one in candidates)
    aside = [one for one in candidates if one.row.total >= LONG * shortest]
    served = {one.group for one in aside} if turn % PATIENCE == 0 else set[Group]()
    if served:
        pool = [one for one in candidates if one.group in served]
    else:
        pool = [one for one in candidates if one not in aside]
    group = min((one.group for one in pool), key=lambda one: stepped.get(one, -1))
    most = lanes(group)
    batch = _fitting([one for one in pool if one.group == group], most)
    others = [one for one in candidates if one.group == group and one not in batch]
    whole = _fitting([*batch, *others], most)
    return whole if cheap(group, _lanes(batch), _lanes(whole)) else batch


def _lanes(batch: Sequence[Candidate]) -> int:
    return sum(one.row.lanes for one in batch)


def _fitting(rows: Sequence[Candidate], lanes: Lanes) -> Sequence[Candidate]:
    chosen = [rows[0]]
    taken = rows[0].row.lanes
    for one in rows[1:]:
        limit = lanes.most if one.row.order is rows[0].row.order else lanes.usual
        if taken + one.row.lanes > limit:
            break
        chosen.append(one)
        taken += one.row.lanes
    return chosen
