"""Fair keys: who is first in turn, how much each gets, and what a restart and other servers change.

Nothing here takes time: what waits is a heap of fair keys, and claiming takes the lowest.
"""

import heapq
from collections import Counter
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.service.test_hub import RUNNING

from darkroom.domain.ids import Owner, PredictionId, VersionId
from darkroom.domain.model import Version
from darkroom.domain.prediction import Status
from darkroom.ports.predictions import Claimed
from darkroom.ports.turns import Elsewhere, Waiting
from darkroom.protocol.messages import Ended
from darkroom.service.catalogue import load_catalogue
from darkroom.service.fairness import Fairness
from darkroom.service.owners import Owners, Terms

ADA, BOB, EVE = Owner("ada"), Owner("bob"), Owner("eve")
ECHO = load_catalogue({}).resolve("darkroom/echo")[1]
TEXT = load_catalogue({}).resolve("darkroom/echo-text")[1]


@dataclass
class Bench:
    """One class of what waits, and one slot."""

    fairness: Fairness = field(default_factory=Fairness)
    heap: list[tuple[int, float, int, Owner]] = field(
        default_factory=list[tuple[int, float, int, Owner]]
    )
    count: int = 0

    def add(self, owner: Owner, times: int = 1, *, priority: int = 0) -> float:
        """Accept some that wait; returns the fair key of the last."""
        key = 0.0
        for _ in range(times):
            key = self.fairness.take_turn(owner, ECHO, priority, waits=True)
            self.count += 1
            heapq.heappush(self.heap, (-priority, key, self.count, owner))
        return key

    def take(self, times: int = 1) -> list[Owner]:
        """Claim what is first in turn, that often; returns whose it was."""
        return [self._take() for _ in range(times)]

    def _take(self) -> Owner:
        rank, key, _, owner = heapq.heappop(self.heap)
        self.fairness.claimed(claimed(owner, key, -rank), ECHO)
        return owner


def claimed(owner: Owner, key: float, priority: int = 0, *, own: bool = True) -> Claimed:
    prediction = replace(RUNNING, owner=owner)
    return Claimed(prediction=prediction, priority=priority, fair_key=key, own=own)


def weighing(**weights: float) -> Fairness:
    named = {Owner(name): Terms(weight=weight) for name, weight in weights.items()}
    return Fairness(owners=Owners(named=named))


def test_one_prediction_beside_a_hundred_thousand_of_another_owner_is_next() -> None:
    bench = Bench()
    bench.add(ADA, 100_000)
    bench.take(5)
    bench.add(BOB)

    assert BOB in bench.take(2)


def test_owners_of_equal_weight_take_turns() -> None:
    bench = Bench()
    bench.add(ADA, 50)
    bench.add(BOB, 50)

    taken = bench.take(40)
    assert all({taken[at], taken[at + 1]} == {ADA, BOB} for at in range(0, 40, 2))


@given(light=st.integers(1, 9), heavy=st.integers(1, 9))
def test_shares_are_as_the_weights(light: int, heavy: int) -> None:
    bench = Bench(weighing(ada=light, bob=heavy))
    bench.add(ADA, 300)
    bench.add(BOB, 300)
    taken = Counter(bench.take(200))

    assert taken[BOB] == pytest.approx(200 * heavy / (light + heavy), abs=2)


def test_a_run_that_takes_long_counts_for_as_many_short_ones() -> None:
    bench = Bench()
    for _ in range(60):
        bench.fairness.costs.ended(TEXT.id, Ended("succeeded", None, "{}", 4.0))
    bench.add(BOB, 100)
    long = replace(TEXT, kind=ECHO.kind)
    for _ in range(100):
        key = bench.fairness.take_turn(ADA, long, 0, waits=True)
        heapq.heappush(bench.heap, (0, key, 0, ADA))

    taken = Counter(bench.take(50))
    assert taken[BOB] == pytest.approx(40, abs=1)


def test_a_newcomer_starts_at_the_clock_and_not_at_its_beginning() -> None:
    bench = Bench()
    bench.add(ADA, 1000)
    bench.take(500)

    assert bench.add(BOB, 10) == pytest.approx(510)
    assert Counter(bench.take(20)) == {ADA: 10, BOB: 10}


def test_who_ran_alone_is_not_behind_for_it() -> None:
    bench = Bench()
    for _ in range(1000):
        bench.fairness.take_turn(ADA, ECHO, 0, waits=False)

    assert bench.add(ADA) == bench.add(BOB) == pytest.approx(1001)


def test_a_higher_priority_goes_first_and_has_a_clock_of_its_own() -> None:
    bench = Bench()
    bench.add(ADA, 100)
    bench.add(BOB, 5000, priority=1)
    assert set(bench.take(5000)) == {BOB}
    bench.add(EVE)

    assert EVE in bench.take(2)


def test_what_does_not_compete_for_slots_is_reckoned_apart() -> None:
    bench = Bench()
    bench.add(ADA, 100)
    far: list[Version] = [replace(ECHO, pool="large"), TEXT]
    for version in far:
        for _ in range(1000):
            bench.fairness.take_turn(BOB, version, 0, waits=False)
    bench.add(EVE)

    assert EVE in bench.take(2)


def test_who_cancels_everything_is_a_newcomer_again() -> None:
    bench = Bench()
    bench.add(ADA, 500)
    canceled = replace(RUNNING, owner=ADA, attempt=0, claimed=False, status=Status.CANCELED)
    for _ in range(500):
        bench.fairness.withdrawn(canceled, ECHO)

    assert bench.add(ADA) == pytest.approx(1)


def test_who_cancels_a_part_stays_behind_the_rest_of_its_own() -> None:
    bench = Bench()
    last = bench.add(ADA, 500)
    canceled = replace(RUNNING, owner=ADA, attempt=0, claimed=False, status=Status.CANCELED)
    for _ in range(499):
        bench.fairness.withdrawn(canceled, ECHO)

    assert bench.add(ADA) > last


def test_what_was_not_accepted_after_all_costs_no_turn() -> None:
    bench = Bench()
    bench.fairness.take_turn(ADA, ECHO, 0, waits=True)
    bench.fairness.refused(ADA, ECHO, 0)

    assert bench.add(ADA) == pytest.approx(1)


def test_a_new_server_goes_on_where_the_old_one_was() -> None:
    old, new = Bench(), Bench()
    old.add(ADA, 100)
    old.take(40)
    new.heap = old.heap
    left = Waiting(version=ECHO.id, priority=0, owner=ADA, count=60, first=41.0, last=100.0,
                   limited=False)  # fmt: skip
    new.fairness.found_waiting([(ECHO, left)])

    assert new.add(ADA) > 100
    new.add(BOB, 2)
    assert Counter(new.take(4)) == {ADA: 2, BOB: 2}


def test_the_clock_begins_with_what_is_first_in_turn_whatever_is_read_first() -> None:
    fairness = Fairness()
    left = [
        (
            version,
            Waiting(
                version=version.id,
                priority=0,
                owner=owner,
                count=1,
                first=first,
                last=first,
                limited=False,
            ),
        )
        for version, owner, first in [(ECHO, ADA, 70.0), (ECHO, BOB, 30.0), (ECHO, EVE, 50.0)]
    ]
    fairness.found_waiting(left)

    assert fairness.clocks() == {"default/echo/0": 30.0}


def test_servers_agree_on_the_furthest_clock() -> None:
    one, other = Fairness(), Fairness()
    for _ in range(30):
        one.take_turn(ADA, ECHO, 0, waits=False)
    one.take_turn(ADA, ECHO, -3, waits=False)
    other.hear(one.clocks())
    other.hear({"default/echo/0": 2.0})

    assert other.clocks() == pytest.approx({"default/echo/0": 30.0, "default/echo/-3": 1.0})


def test_turns_that_other_servers_gave_count_until_the_clock_has_passed_them() -> None:
    fairness = Fairness()
    fairness.found_elsewhere(ECHO, Elsewhere(version=ECHO.id, priority=0, owner=ADA, last=25.0))
    behind = fairness.take_turn(ADA, ECHO, 0, waits=True)
    fairness.claimed(claimed(ADA, 26.0), ECHO)
    fairness.hear({"default/echo/0": 90.0})
    fairness.forget()

    assert behind == pytest.approx(26)
    assert fairness.take_turn(ADA, ECHO, 0, waits=True) == pytest.approx(91)


def test_claiming_what_another_server_accepted_leaves_its_owner_behind_its_own() -> None:
    bench = Bench()
    bench.add(ADA, 10)
    for _ in range(10):
        bench.fairness.claimed(claimed(ADA, 1.0, own=False), ECHO)

    assert bench.add(ADA) == pytest.approx(11)


def test_a_version_that_never_ran_costs_a_second() -> None:
    fairness = Fairness()
    fairness.costs.ended(ECHO.id, Ended("failed", "no", "{}", 60.0))
    fairness.costs.ended(ECHO.id, Ended("succeeded", None, "{}", float("nan")))

    assert fairness.costs.run_seconds(ECHO.id) == 1.0


def test_what_runs_took_here_tells_better_than_what_they_took_elsewhere() -> None:
    costs = Fairness().costs
    costs.heard({ECHO.id: 9.0, TEXT.id: 7.0})
    costs.ended(ECHO.id, Ended("succeeded", None, "{}", 3.0))
    costs.ended(ECHO.id, Ended("succeeded", None, "{}", 8.0))

    assert costs.run_seconds(ECHO.id) == pytest.approx(4.0)
    assert costs.run_seconds(TEXT.id) == 7.0


def test_a_worker_tells_only_of_versions_it_knows_and_only_times() -> None:
    costs = Fairness().costs
    known = {VersionId("a"), VersionId("b"), VersionId("c")}
    costs.loaded(known, {"a": 12.5, "b": float("inf"), "c": -4.0, "d": 9.0})

    loads = [costs.load_seconds(VersionId(name)) for name in "abcd"]
    assert loads == [12.5, 0.0, 0.001, 0.0]


def test_an_unknown_prediction_is_withdrawn_without_harm() -> None:
    fairness = Fairness()
    fairness.withdrawn(replace(RUNNING, id=PredictionId("x"), attempt=0), ECHO)

    assert fairness.clocks() == {}
