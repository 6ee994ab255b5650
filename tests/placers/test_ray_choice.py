"""Which keepers are added and which go, whatever there is and whatever is wanted."""

from hypothesis import given
from hypothesis import strategies as st

from darkroom.placers.ray_choice import choose, keeper_name, pool_of
from darkroom.placers.ray_talk import Wanted


def wanted(workers: int, *busy: str) -> Wanted:
    return Wanted(workers=workers, gpus=1, cpus=1, resources={}, busy=list(busy))


NUMBERS = st.sets(st.integers(1, 9))


@given(NUMBERS, st.data(), st.integers(0, 9))
def test_there_are_never_more_than_wanted_nor_fewer_in_the_end(
    numbers: set[int], data: st.DataObject, most: int
) -> None:
    names = {keeper_name("a", number) for number in numbers}
    draining = data.draw(st.sets(st.sampled_from(sorted(names)))) if names else set[str]()
    choice = choose(names, draining, {"a": wanted(most)})
    assert names.isdisjoint(choice.add)
    assert draining <= set(choice.go) <= names
    if choice.add:
        assert len(names) + len(choice.add) == most
    left = names - set(choice.go) | set(choice.add)
    assert len(left) <= most
    # Once those that go are gone, another look adds what is missing.
    after = choose(left, set(), {"a": wanted(most)})
    assert len(left) + len(after.add) == most
    assert not after.go


def test_the_lowest_free_names_are_taken() -> None:
    assert choose({"a-2"}, set(), {"a": wanted(3)}).add == ["a-1", "a-3"]


def test_the_idle_go_before_the_busy_and_the_highest_first() -> None:
    names = {"a-1", "a-2", "a-10", "a-11"}
    assert set(choose(names, set(), {"a": wanted(2, "a-11")}).go) == {"a-2", "a-10"}


def test_a_pool_that_nobody_names_goes_and_strange_names_are_left_alone() -> None:
    choice = choose({"a-1", "b-1", "stranger", "a-0", "-1"}, set(), {"a": wanted(1)})
    assert (list(choice.add), set(choice.go)) == ([], {"b-1"})


def test_a_pool_may_have_dashes_in_its_name() -> None:
    assert pool_of(keeper_name("big-one", 12)) == "big-one"
    assert pool_of("big-one") is None
