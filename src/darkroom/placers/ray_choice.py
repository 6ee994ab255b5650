"""Which keepers to add and which to let go. Pure: knows nothing of Ray."""

from collections.abc import Collection, Mapping, Set
from dataclasses import dataclass

from darkroom.placers.ray_talk import Wanted


@dataclass(frozen=True, slots=True)
class Choice:
    """Names of keepers."""

    add: Collection[str]
    go: Collection[str]


def keeper_name(pool: str, number: int) -> str:
    """The name of a pool's keeper, and of its worker."""
    return f"{pool}-{number}"


def pool_of(name: str) -> str | None:
    """The pool whose keeper has this name; None if no keeper of ours has such a name."""
    pool, dash, number = name.rpartition("-")
    ours = dash and pool and number.isascii() and number.isdigit() and number[0] != "0"
    return pool if ours else None


def choose(names: Set[str], draining: Set[str], pools: Mapping[str, Wanted]) -> Choice:
    """Compare what there is with what is wanted.

    A keeper on its way out keeps its place until it is gone: there are never more than wanted at
    the most. A keeper that drains never turns back.

    Args:
        names: of all keepers there are.
        draining: those of them that were told to go already.
        pools: what is wanted; a pool that is not named is wanted no more.
    """
    add: list[str] = []
    go: set[str] = set(draining)
    have: dict[str, set[str]] = {pool: set() for pool in pools}
    for name in names:
        pool = pool_of(name)
        if pool is not None:
            have.setdefault(pool, set()).add(name)
    for pool, there in have.items():
        wanted = pools.get(pool)
        number = wanted.workers if wanted else 0
        busy = wanted.busy if wanted else ()
        add += _free(pool, there, number - len(there))
        staying = there - draining
        go |= set(_last(staying, busy, len(staying) - number))
    return Choice(add, go)


def _free(pool: str, taken: Set[str], count: int) -> list[str]:
    """The lowest names that nobody has."""
    found: list[str] = []
    number = 1
    while len(found) < count:
        name = keeper_name(pool, number)
        if name not in taken:
            found.append(name)
        number += 1
    return found


def _last(names: Set[str], busy: Collection[str], count: int) -> list[str]:
    """Those that go: idle before busy, of these the highest number first."""

    def worth(name: str) -> tuple[bool, int]:
        return name in busy, -int(name.rpartition("-")[2])

    return sorted(names, key=worth)[: max(count, 0)]
