"""Where a version may be loaded: never too much at once, never at the cost of what stays."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from darkroom.worker.room import (
    Limits,
    Never,
    Occupant,
    Place,
    Wait,
    Wish,
    decide,
    excess,
)

GB = 10**9
KINDS = st.sampled_from(["diffusers", "cog"])
SIZES = st.integers(0, 30).map(lambda number: number * GB)
OCCUPANTS = st.lists(
    st.builds(
        Occupant,
        version=st.uuids().map(str),
        kind=KINDS,
        size_bytes=SIZES,
        alone=st.booleans(),
        loading=st.booleans(),
        in_use=st.booleans(),
        pinned=st.booleans(),
    ),
    max_size=6,
)
WISHES = st.builds(Wish, kind=KINDS, size_bytes=SIZES, measured=st.booleans(), alone=st.booleans())
LIMITS = st.builds(Limits, most=st.integers(0, 4), budget_bytes=SIZES)
BUDGET = Limits(budget_bytes=20 * GB)


def held(version: str, size: int = 0, **changes: bool) -> Occupant:
    return Occupant(version=version, kind="diffusers", size_bytes=size * GB, **changes)


def wanted(size: int, *, measured: bool = True, alone: bool = False) -> Wish:
    return Wish(kind="diffusers", size_bytes=size * GB, measured=measured, alone=alone)


def beside(wish: Wish, occupants: Sequence[Occupant]) -> list[Occupant]:
    return [one for one in occupants if one.kind == wish.kind]


def gone(occupants: Sequence[Occupant], who: Sequence[Occupant]) -> list[Occupant]:
    return [one for one in occupants if one not in who]


def unloaded(decision: object) -> list[str]:
    assert isinstance(decision, Place), decision
    return [one.version for one in decision.unload]


def test_what_fits_is_loaded_beside_the_rest() -> None:
    assert unloaded(decide(wanted(9), [held("a", 5), held("b", 6)], BUDGET)) == []


def test_the_least_recently_used_goes_and_nobody_goes_in_vain() -> None:
    assert unloaded(decide(wanted(9), [held("a", 6), held("b", 6), held("c", 6)], BUDGET)) == [
        "a",
        "b",
    ]
    assert unloaded(decide(wanted(9), [held("a", 1), held("b", 12)], BUDGET)) == ["b"]


def test_what_is_in_use_is_waited_for_only_where_the_idle_do_not_suffice() -> None:
    busy, idle = held("a", 8, in_use=True), held("b", 8)
    assert unloaded(decide(wanted(9), [busy, idle], BUDGET)) == ["b"]
    assert decide(wanted(15), [busy, idle], BUDGET) == Wait([idle, busy])


def test_what_is_larger_than_the_budget_is_tried_alone() -> None:
    assert unloaded(decide(wanted(50), [], BUDGET)) == []
    assert unloaded(decide(wanted(50), [held("a", 1), held("b", 1)], BUDGET)) == ["a", "b"]


def test_beside_what_is_pinned_a_guess_is_tried_and_a_measured_size_is_not() -> None:
    pinned = held("a", 15, pinned=True)
    assert unloaded(decide(wanted(9, measured=False), [pinned, held("b", 1)], BUDGET)) == ["b"]
    assert decide(wanted(9), [pinned, held("b", 1)], BUDGET) == Never([pinned])


def test_what_ran_out_of_memory_beside_others_wants_the_host_for_itself() -> None:
    assert unloaded(decide(wanted(1, alone=True), [held("a", 1)], BUDGET)) == ["a"]
    assert unloaded(decide(wanted(1), [held("a", 1, alone=True)], BUDGET)) == ["a"]


def test_without_a_budget_only_the_number_counts() -> None:
    occupants = [held("a", 900), held("b", 900)]
    assert unloaded(decide(wanted(900), occupants, Limits())) == []
    assert unloaded(decide(wanted(900), occupants, Limits(most=2))) == ["a"]


def test_one_is_loaded_after_the_other_so_that_each_is_weighed() -> None:
    assert decide(wanted(1), [held("a", 1, loading=True)], BUDGET) == Wait(())


def test_what_turns_out_too_much_once_weighed_goes_if_it_is_idle() -> None:
    busy, idle, last = held("a", 9, in_use=True), held("b", 9), held("c", 9)
    assert excess("diffusers", [busy, idle, last], 20 * GB) == [idle]
    assert excess("diffusers", [last], GB) == []


@given(WISHES, OCCUPANTS, LIMITS)
def test_nothing_that_runs_loads_or_is_pinned_is_unloaded(
    wish: Wish, occupants: list[Occupant], limits: Limits
) -> None:
    decision = decide(wish, occupants, limits)
    if isinstance(decision, Place):
        assert not [one for one in decision.unload if one.in_use or one.loading or one.pinned]
    if isinstance(decision, Wait):
        assert not [one for one in decision.until if one.loading or one.pinned]


@given(WISHES, OCCUPANTS, LIMITS)
def test_the_budget_is_kept_unless_it_is_alone_or_a_guess_beside_the_pinned(
    wish: Wish, occupants: list[Occupant], limits: Limits
) -> None:
    decision = decide(wish, occupants, limits)
    if not isinstance(decision, Place):
        return
    left = gone(occupants, decision.unload)
    assert not limits.most or len(left) < limits.most
    others = beside(wish, left)
    if others and not (wish.measured is False and all(one.pinned for one in others)):
        taken = sum(one.size_bytes for one in others) + wish.size_bytes
        assert not limits.budget_bytes or taken <= limits.budget_bytes
    assert not others or not (wish.alone or any(one.alone for one in others))


@given(WISHES, OCCUPANTS, LIMITS)
def test_nobody_goes_who_could_have_stayed(
    wish: Wish, occupants: list[Occupant], limits: Limits
) -> None:
    decision = decide(wish, occupants, limits)
    if not isinstance(decision, Place):
        return
    for kept in decision.unload:
        others = [one for one in decision.unload if one is not kept]
        assert unloaded(decide(wish, gone(occupants, others), limits)) == [kept.version]


@given(WISHES, OCCUPANTS, LIMITS)
def test_everything_is_served_once_loads_and_runs_are_over_unless_the_pinned_leave_no_room(
    wish: Wish, occupants: list[Occupant], limits: Limits
) -> None:
    at_rest = [
        Occupant(
            version=one.version,
            kind=one.kind,
            size_bytes=one.size_bytes,
            alone=one.alone,
            pinned=one.pinned,
        )
        for one in occupants
    ]
    decision = decide(wish, at_rest, limits)
    assert not isinstance(decision, Wait)
    if isinstance(decision, Never):
        assert decision.beside
        assert all(one.pinned for one in decision.beside)
        unpinned = [one for one in at_rest if not one.pinned]
        assert isinstance(decide(wish, unpinned, limits), Place)
