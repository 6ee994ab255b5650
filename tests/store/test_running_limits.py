"""Whatever comes together, no owner runs more than it may, and all of it runs in the end.

A hypothesis state machine over the real transitions, and two servers on one PostgreSQL.
"""

import asyncio
import os
from collections.abc import Mapping
from dataclasses import replace
from typing import TypeVar

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from tests.store.acceptances import acceptance
from tests.store.places import Loop, migrated, postgres_place
from tests.store.test_turns import waiting, wants

from darkroom.compose.clock import SystemClock
from darkroom.domain.events import Finished, Report
from darkroom.domain.ids import Minter, Owner, PredictionId, ServerId, VersionId
from darkroom.domain.prediction import Outcome, Prediction
from darkroom.ports.predictions import Claimed, Lost
from darkroom.service.catalogue import load_catalogue
from darkroom.service.fairness import Fairness
from darkroom.service.turns import Turns
from darkroom.store.predictions import PredictionTables
from darkroom.store.rows import Row
from darkroom.store.statements import SQLITE, load
from darkroom.store.transitions import accepting, claiming, ending, lining, losing, reporting
from darkroom.store.transitions.recipe import Transition
from darkroom.store.turns import TurnTables

T = TypeVar("T")
LIMITS = {Owner("ada"): 1, Owner("bob"): 2, Owner("eve"): 0}
VERSIONS = ("v0", "v1")


class Limited(RuleBasedStateMachine):
    """Three owners, two of them with a limit, and whatever their predictions meet."""

    mutations: Mapping[str, str] = {}

    def __init__(self) -> None:
        super().__init__()
        self.hand = migrated(":memory:")
        self.statements = {**load(SQLITE), **self.mutations}
        self.keys = 0
        self.running: list[Prediction] = []

    def commit(self, transition: Transition[T]) -> T:
        return self.hand.commit(transition, self.statements)

    @rule(
        owner=st.sampled_from(list(LIMITS)),
        version=st.sampled_from(VERSIONS),
        priority=st.sampled_from([0, 1]),
    )
    def accept(self, owner: Owner, version: str, priority: int) -> None:
        self.keys += 1
        new = waiting(f"p{self.keys:03}", self.keys, version=version, priority=priority,
                      owner=owner, limited=LIMITS[owner] > 0)  # fmt: skip
        self.commit(accepting.accept(new))

    @rule(versions=st.sets(st.sampled_from(VERSIONS), min_size=1), most=st.integers(1, 4))
    def claim(self, versions: set[str], most: int) -> None:
        asked = wants(dict.fromkeys(versions, 0.0), most, **LIMITS)
        claimed = self.commit(claiming.claim(asked))
        if len(claimed) < most:
            assert not self.left_for(versions), "something might run, and a worker stays idle"
        for one in claimed:
            assert not self.before(one), "what stands later in its line was claimed first"
        self.running += [one.prediction for one in claimed]

    def before(self, one: Claimed) -> list[Row]:
        """What waits of the same owner and version and is earlier in turn."""
        return self.hand.execute(
            "select id from predictions where owner = ? and version = ? and claimed = 0"
            " and completed_at is null and (priority > ? or priority = ? and fair_key < ?)",
            (one.prediction.owner, one.prediction.version, one.priority, one.priority,
             one.fair_key),
        ).fetchall()  # fmt: skip

    @rule(data=st.data(), lost=st.booleans())
    @precondition(lambda self: self.running)
    def ends(self, data: st.DataObject, *, lost: bool) -> None:
        one = data.draw(st.sampled_from(self.running))
        self.running.remove(one)
        if lost:
            self.commit(losing.lose(Lost(prediction=one.id, attempt=one.attempt,
                                         outcome=Outcome.RELEASED, reason="gone.")))  # fmt: skip
        else:
            end = Finished(outcome=Outcome.SUCCEEDED)
            told = Report(prediction=one.id, attempt=one.attempt, started=True, finished=end)
            self.commit(reporting.report(told))
        self.commit(lining.advance(one.owner))

    @rule(data=st.data())
    @precondition(lambda self: self.unended())
    def cancel(self, data: st.DataObject) -> None:
        id_ = PredictionId(data.draw(st.sampled_from(self.unended())))
        canceled = self.commit(ending.cancel(id_, None))
        assert canceled is not None
        self.running = [one for one in self.running if one.id != id_]
        self.commit(lining.advance(canceled.owner))

    def unended(self) -> list[str]:
        found = self.hand.execute("select id from predictions where completed_at is null")
        return [str(id_) for (id_,) in found.fetchall()]

    def left_for(self, versions: set[str]) -> list[str]:
        """Owners who have something of these versions waiting, and room for it."""
        found = self.hand.execute(
            "select owner, version, claimed from predictions where completed_at is null"
        ).fetchall()
        runs = {owner: sum(row[2] == 1 and row[0] == owner for row in found) for owner in LIMITS}
        return [
            str(owner)
            for owner, limit in LIMITS.items()
            if (not limit or runs[owner] < limit)
            and any(row[0] == owner and row[1] in versions and not row[2] for row in found)
        ]

    @invariant()
    def nobody_runs_more_than_it_may(self) -> None:
        found = self.hand.execute(
            "select owner, count(*) from predictions"
            " where claimed = 1 and completed_at is null group by owner"
        ).fetchall()
        for owner, count in found:
            limit = LIMITS[Owner(str(owner))]
            assert not limit or int(str(count)) <= limit, f"{owner} runs {count}"

    @invariant()
    def of_each_line_only_the_first_stands_in_the_way(self) -> None:
        found = self.hand.execute(
            "select owner, version, priority, count(*) from predictions where gate = 1"
            " and claimed = 0 and completed_at is null and attempt = 0 group by 1, 2, 3"
        ).fetchall()
        assert [row for row in found if int(str(row[3])) > 1] == []

    def teardown(self) -> None:
        """Ends come and nothing new: everything must have run."""
        for _ in range(2 * self.keys + 1):
            for one in list(self.running):
                end = Finished(outcome=Outcome.SUCCEEDED)
                told = Report(prediction=one.id, attempt=one.attempt, started=True, finished=end)
                self.commit(reporting.report(told))
                self.commit(lining.advance(one.owner))
            claimed = self.commit(claiming.claim(wants(dict.fromkeys(VERSIONS, 0.0), 9, **LIMITS)))
            self.running = [one.prediction for one in claimed]
        assert self.unended() == [], "something never runs"
        self.hand.close()


def test_limits_hold_whatever_happens() -> None:
    run_state_machine_as_test(
        Limited, settings=settings(max_examples=40, stateful_step_count=40, deadline=None)
    )


MUTANTS = {
    "runs are not counted": {"owner_runs": "select 0"},
    "a line never moves": {"next_in_line": "select 1 where 0"},
    "a line moves, whoever stands there": {
        "next_in_line": load(SQLITE)["next_in_line"].replace("p.gate = 1", "p.gate = 9")
    },
    "a higher priority stands in line": {
        "first_in_line": load(SQLITE)["first_in_line"].replace("and priority >= :priority", "")
    },
}


@pytest.mark.parametrize("fault", MUTANTS)
def test_a_planted_fault_is_found(fault: str) -> None:
    class Broken(Limited):
        mutations: Mapping[str, str] = MUTANTS[fault]

    with pytest.raises((AssertionError, ExceptionGroup)):
        run_state_machine_as_test(
            Broken, settings=settings(max_examples=300, stateful_step_count=40, deadline=None,
                                      database=None, derandomize=True, phases=[Phase.generate])
        )  # fmt: skip


async def test_two_servers_together_run_no_more_of_an_owner_than_it_may(
    postgres_url: str, postgres_loop: Loop
) -> None:
    ada, version, most = Owner("ada"), VersionId("v"), 0
    with postgres_place(postgres_loop, postgres_url) as place:
        async with place.opened() as one, place.opened(ServerId("s2")) as other:
            stores = [PredictionTables(one), PredictionTables(other)]
            lines = [TurnTables(one), TurnTables(other)]
            new = [replace(acceptance(f"p{n:02}"), limited=True, fair_key=n) for n in range(40)]
            await asyncio.gather(*(stores[n % 2].accept(one) for n, one in enumerate(new)))
            left, running = len(new), list[Prediction]()
            while left:
                asked = wants({version: 0.0}, 2, ada=3)
                claims = [store.claim(asked) for store in (*stores, *stores)]
                for claimed in await asyncio.gather(*claims):
                    running += [each.prediction for each in claimed]
                most = max(most, len(running))
                for each in running:
                    end = Finished(outcome=Outcome.SUCCEEDED)
                    told = Report(prediction=each.id, attempt=1, started=True, finished=end)
                    await stores[left % 2].report(told)
                await lines[left % 2].advance(ada)
                left -= len(running)
                running.clear()
            rows = place.hand().execute("select count(*) from attempts").fetchall()

    assert most == 3
    assert rows == [(40,)]


@pytest.mark.parametrize("which", [0, 1])
async def test_a_line_that_another_server_decides_about_is_left_alone(
    postgres_url: str, postgres_loop: Loop, which: int
) -> None:
    with postgres_place(postgres_loop, postgres_url) as place:
        async with place.opened() as one:
            store, hand = PredictionTables(one), place.hand()
            for number in range(2):
                await store.accept(replace(acceptance(f"p{number}"), limited=True, fair_key=number))
            hand.execute("begin")
            hand.execute("select pg_advisory_xact_lock(hashtextextended('ada', 1))")
            if which:
                assert await TurnTables(one).advance(Owner("ada")) is None
                await store.accept(replace(acceptance("p9"), limited=True, fair_key=0.5))
            blocked = await store.claim(wants({"v": 0.0}, ada=2))
            hand.execute("rollback")
            free = await store.claim(wants({"v": 0.0}, 9, ada=9))

    assert blocked == []
    assert [each.prediction.id for each in free] == (["p0", "p9", "p1"] if which else ["p0", "p1"])


async def test_a_server_learns_which_turns_another_has_given(
    postgres_url: str, postgres_loop: Loop
) -> None:
    catalogue, ada = load_catalogue({}), Owner("ada")
    echo = catalogue.resolve("darkroom/echo")[1]
    fairness = Fairness()
    with postgres_place(postgres_loop, postgres_url) as place:
        async with place.opened() as one, place.opened(ServerId("s2")) as other:
            turns = Turns(store=TurnTables(one), fairness=fairness, catalogue=catalogue,
                          clock=SystemClock(), wake=lambda _: None)  # fmt: skip
            mint = Minter(SystemClock().wall_ms, os.urandom).mint
            theirs = replace(acceptance(mint()), version=echo.id, fair_key=40.0)
            await PredictionTables(other).accept(theirs)
            unknown = replace(acceptance(mint()), version=VersionId("gone"), fair_key=90.0)
            await PredictionTables(other).accept(unknown)
            await turns.look()

    assert fairness.take_turn(ada, echo, 0, waits=True) == 41.0
    assert fairness.take_turn(Owner("bob"), echo, 0, waits=True) == 1.0
