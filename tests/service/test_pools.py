"""A pool grows at once with what waits, and shrinks when less has done for long enough."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from tests.support.hands import HandClock

from darkroom.domain.ids import VersionId
from darkroom.ports.pools import Running, Waiting
from darkroom.service.pools import Bounds, Demand, Peak

POOL = Bounds(least=0, most=5, idle_seconds=300, target_wait_seconds=10)


@dataclass(slots=True)
class Counts:
    """Counts that a test sets."""

    waits: list[Waiting] = field(default_factory=list[Waiting])
    runs: list[Running] = field(default_factory=list[Running])

    async def waiting(self) -> Sequence[Waiting]:
        return self.waits

    async def running(self) -> Sequence[Running]:
        return self.runs


def waits(count: int, *, pool: str = "default", version: str = "v") -> Waiting:
    return Waiting(pool, VersionId(version), count)


async def wanted(demand: Demand) -> int | None:
    (state,) = await demand.look()
    return state.wanted


@pytest.mark.parametrize(("count", "workers"), [(0, 0), (1, 1), (10, 1), (11, 2), (999, 5)])
async def test_what_waits_asks_for_workers_enough_to_start_it_in_time(
    count: int, workers: int
) -> None:
    counts = Counts([waits(count)])
    demand = Demand({"default": POOL}, counts, list, HandClock())
    assert await wanted(demand) == workers


async def test_a_version_that_takes_long_asks_for_more() -> None:
    counts = Counts([waits(2, version="slow"), waits(2)])
    seconds = {VersionId("slow"): 15.0, VersionId("v"): 1.0}
    demand = Demand({"default": POOL}, counts, list, HandClock(), seconds=lambda one: seconds[one])
    assert await wanted(demand) == 4


async def test_workers_that_run_something_are_wanted_besides_each_once() -> None:
    counts = Counts([waits(1)], [Running("default", "a", 3), Running("default", "b", 1)])
    demand = Demand({"default": POOL}, counts, list, HandClock())
    (state,) = await demand.look()
    assert (state.wanted, state.running, state.busy) == (3, 4, ["a", "b"])


async def test_a_pool_shrinks_only_when_fewer_have_done_for_the_idle_window() -> None:
    counts, clock = Counts([waits(30)]), HandClock()
    demand = Demand({"default": POOL}, counts, list, clock)
    assert await wanted(demand) == 3
    counts.waits = [waits(15)]
    clock.forward(200)
    assert await wanted(demand) == 3
    counts.waits = []
    clock.forward(101)
    (state,) = await demand.look()
    assert (state.needed, state.wanted) == (0, 2)
    clock.forward(200)
    assert await wanted(demand) == 0
    counts.waits = [waits(50)]
    assert await wanted(demand) == 5


async def test_a_pool_keeps_its_least_although_nothing_waits() -> None:
    least = Bounds(least=2, most=5, idle_seconds=300, target_wait_seconds=10)
    demand = Demand({"default": least}, Counts(), list, HandClock())
    assert await wanted(demand) == 2


async def test_a_pool_without_bounds_is_counted_and_nothing_wanted_of_it() -> None:
    counts = Counts([waits(3, pool="other")])
    demand = Demand({"default": POOL}, counts, list, HandClock())
    states = {state.name: (state.waiting, state.wanted) for state in await demand.look()}
    assert states == {"default": (0, 0), "other": (3, None)}


async def test_a_pool_is_there_as_soon_as_something_names_it() -> None:
    named = {"default"}
    demand = Demand({}, Counts(), list, HandClock(), named=lambda: named)
    assert [one.name for one in await demand.look()] == ["default"]
    named.add("large")
    assert [one.name for one in await demand.look()] == ["default", "large"]


def test_a_peak_is_the_highest_of_its_window() -> None:
    peak = Peak(10)
    assert [peak.tell(*told) for told in ((5, 0), (3, 4), (4, 6), (1, 9))] == [5, 5, 5, 5]
    assert peak.tell(2, 11) == 4
    assert peak.tell(0, 17) == 2
    assert peak.tell(0, 99) == 0
