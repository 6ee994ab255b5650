"""T2: a worker with room takes what is first in turn, and owners stay within their running limits.

Of an owner with a running limit only the first in turn of each version and priority may be claimed;
the others stand in line behind it, out of the claim's way, and come forward one by one.
"""

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias, cast

from darkroom.domain.ids import Owner, PredictionId, VersionId
from darkroom.ports.predictions import Asking, Claimed, Holder
from darkroom.store import rows
from darkroom.store.rows import Row, json_text
from darkroom.store.transitions.accepting import lease
from darkroom.store.transitions.reading import complete
from darkroom.store.transitions.recipe import Call, Gathered, Transition

_Waiting: TypeAlias = tuple[str, str, int, float, str, int, int]
_SIZES = (1, 2, 4, 8, 16, 32)
"""How many versions are looked at by one statement: few sizes, few statements to prepare."""


class _Turn(NamedTuple):
    """Something that waits, ordered as it is taken; `key` is its fair key less the bonus."""

    rank: int
    key: float
    id: PredictionId
    owner: str
    gate: int
    fair_key: float
    own: int


def claim(asking: Asking) -> Transition[Sequence[Claimed]]:
    """T2 for as many as are asked for; fewer only where nothing else may be claimed.

    What another server has locked or claimed meanwhile is passed by.
    """
    claimed: list[Claimed] = []
    full: set[str] = set()
    passed: set[str] = set()
    more = True
    while more and len(claimed) < asking.most:
        more = False
        turns = yield from _turns(asking, asking.most - len(claimed) + len(passed), full)
        for turn in turns:
            if turn.id in passed or turn.owner in full or len(claimed) == asking.most:
                continue
            if turn.gate and not (yield from _room(turn.owner, asking)):
                full.add(turn.owner)
                more = True
                continue
            one = yield from _taken(turn, asking.holder)
            if one is None:
                passed.add(turn.id)
                more = True
                continue
            claimed.append(one)
            if turn.gate:  # the next of its line may be first in turn now
                more = True
                break
    return claimed


def _turns(asking: Asking, most: int, full: set[str]) -> Transition[Sequence[_Turn]]:
    """What waits for the versions asked for, first in turn first, *most* of each version."""
    names = json_text(sorted(full))
    versions = list(asking.bonuses)
    found: list[_Turn] = []
    for start in range(0, len(versions), _SIZES[-1]):
        some = versions[start : start + _SIZES[-1]]
        size = next(size for size in _SIZES if size >= len(some))
        padded = [*some, *[""] * (size - len(some))]
        peeks: list[Call] = [
            ("peek", {"version": version, "most": most, "listed": names}) for version in padded
        ]
        waiting = yield Gathered(peeks)
        found += [_turn(row, asking) for row in waiting]
    return sorted(found)


def _turn(row: Row, asking: Asking) -> _Turn:
    id_, version, priority, fair_key, owner, gate, own = cast("_Waiting", row)
    key = fair_key - asking.bonuses[VersionId(version)]
    return _Turn(-priority, key, PredictionId(id_), owner, gate, fair_key, own)


def _room(owner: str, asking: Asking) -> Transition[bool]:
    """Whether *owner* may have one more claimed; until the commit, nobody else decides that."""
    limit = asking.running_limit(Owner(owner))
    if not limit:
        return True
    ((alone,),) = yield "owner_alone", {"owner": owner}
    if not alone:
        return False
    ((running,),) = yield "owner_runs", {"owner": owner}
    return cast("int", running) < limit


def _taken(turn: _Turn, holder: Holder) -> Transition[Claimed | None]:
    found = yield "claim", {"id": turn.id}
    if not found:
        return None
    opened = lease(turn.id, rows.attempt(found[0]), holder)
    prediction = yield from complete(found[0], ("lease", opened))
    if turn.gate:
        yield "next_in_line", {"owner": turn.owner, "version": prediction.version}
    return Claimed(
        prediction=prediction, priority=-turn.rank, fair_key=turn.fair_key, own=turn.own == 1
    )
