"""Who is first in turn, on both databases: owners, priorities, what is loaded, and full owners."""

import re
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from tests.store.acceptances import ADA, HOLDER, acceptance, asking
from tests.store.places import Hand, Place

from darkroom.domain.events import Finished, Report
from darkroom.domain.ids import Owner, PredictionId, ServerId, VersionId
from darkroom.domain.prediction import Outcome
from darkroom.ports.predictions import Acceptance, Asking
from darkroom.ports.turns import Elsewhere, Waiting
from darkroom.store.predictions import PredictionTables
from darkroom.store.rows import Parameters
from darkroom.store.turns import TurnTables

BOB = Owner("bob")
MANY = [3_000, pytest.param(100_000, marks=pytest.mark.slow)]
FILL = """
insert into predictions(id, owner, model, version, shape, fair_key, gate, created_at)
with recursive k(n) as (select 1 union all select n + 1 from k where n < :count)
select 'a' || (1000000 + n), 'ada', 'm/n', 'v' || (n % :versions), 'one', n,
       case when :limited = 0 then 0 when n <= :versions then 1 else 2 end, 1
  from k
"""
INPUTS = "insert into inputs select id, '{}' from predictions"


def fill(hand: Hand, count: int, *, versions: int = 1, limited: bool = False) -> None:
    """Have *count* of ada's wait, their fair keys 1, 2, 3 …, of each version in turn."""
    hand.execute(FILL, {"count": count, "versions": versions, "limited": int(limited)})
    hand.execute(INPUTS)


def waiting(id_: str, key: float, *, version: str = "v0", priority: int = 0,
            owner: Owner = BOB, limited: bool = False) -> Acceptance:  # fmt: skip
    return replace(acceptance(id_), owner=owner, version=VersionId(version), fair_key=key,
                   priority=priority, limited=limited)  # fmt: skip


def wants(bonuses: Mapping[str, float], most: int = 1, **limits: int) -> Asking:
    def limit(owner: Owner) -> int:
        return limits.get(owner, 0)

    versions = {VersionId(name): bonus for name, bonus in bonuses.items()}
    return Asking(holder=HOLDER, bonuses=versions, most=most, running_limit=limit)


@asynccontextmanager
async def tables(place: Place) -> AsyncGenerator[PredictionTables]:
    async with place.opened() as database:
        yield PredictionTables(database)


async def claimed(store: PredictionTables, asked: Asking) -> Sequence[str]:
    return [one.prediction.id for one in await store.claim(asked)]


async def finished(store: PredictionTables, id_: str) -> None:
    end = Finished(outcome=Outcome.SUCCEEDED, run_seconds=2.0)
    await store.report(Report(prediction=PredictionId(id_), attempt=1, started=True, finished=end))


@pytest.mark.parametrize("count", MANY)
async def test_one_beside_very_many_of_another_owner_is_next(place: Place, count: int) -> None:
    async with tables(place) as store:
        fill(place.hand(), count)
        first = await claimed(store, asking(version="v0"))
        await store.accept(waiting("b", 2.0))
        second = await claimed(store, asking(version="v0"))
        third = await claimed(store, asking(version="v0"))

    assert [*first, *second, *third] == ["a1000001", "a1000002", "b"]


async def test_the_highest_priority_is_first_and_then_the_lowest_fair_key(place: Place) -> None:
    async with tables(place) as store:
        await store.accept(waiting("low", 1.0, priority=-10))
        await store.accept(waiting("late", 9.0, priority=2))
        await store.accept(waiting("early", 3.0, priority=2, version="v1"))
        await store.accept(waiting("plain", 2.0))
        took = await claimed(store, wants({"v0": 0.0, "v1": 0.0}, 9))

    assert took == ["early", "late", "plain", "low"]


async def test_what_is_not_loaded_waits_at_most_one_load_longer_than_its_turn(
    place: Place,
) -> None:
    async with tables(place) as store:
        await store.accept(waiting("cold", 20.0, version="cold"))
        for number in range(60):
            await store.accept(waiting(f"warm{number:02}", number + 0.5, version="warm"))
        took: list[str] = []
        while "cold" not in took:
            took += await claimed(store, wants({"warm": 15.0, "cold": 0.0}))

    assert took == [*(f"warm{number:02}" for number in range(35)), "cold"]


async def test_a_higher_priority_is_worth_a_load(place: Place) -> None:
    async with tables(place) as store:
        await store.accept(waiting("warm", 1.0, version="warm"))
        await store.accept(waiting("urgent", 9.0, version="cold", priority=1))

        assert await claimed(store, wants({"warm": 1e9, "cold": 0.0})) == ["urgent"]


@pytest.mark.parametrize("versions", [3, 33, 50])
async def test_many_versions_are_taken_in_one_order(place: Place, versions: int) -> None:
    async with tables(place) as store:
        fill(place.hand(), 120, versions=versions)
        names = {f"v{number}": 0.0 for number in range(versions)}
        took = [id_ for _ in range(20) for id_ in await claimed(store, wants(names, 2))]

    assert took == [f"a{1000001 + number}" for number in range(40)]


# ── running limits ──


async def test_no_more_of_an_owner_are_claimed_than_may_run(place: Place) -> None:
    async with tables(place) as store:
        for number in range(5):
            await store.accept(waiting(f"a{number}", number, owner=ADA, limited=True))
        first = await claimed(store, wants({"v0": 0.0}, 9, ada=2))
        full = await claimed(store, wants({"v0": 0.0}, 9, ada=2))
        await finished(store, "a0")
        then = await claimed(store, wants({"v0": 0.0}, 9, ada=2))

    assert (first, full, then) == (["a0", "a1"], [], ["a2"])


@pytest.mark.parametrize("count", MANY)
async def test_a_long_line_of_a_full_owner_is_out_of_the_way_of_others(
    place: Place, count: int
) -> None:
    async with tables(place) as store:
        hand = place.hand()
        fill(hand, count, limited=True)
        mine = await claimed(store, wants({"v0": 0.0}, ada=1))
        await store.accept(waiting("b", count + 1.0))
        others = await claimed(store, wants({"v0": 0.0}, ada=1))
        behind = hand.execute("select count(*) from predictions where gate = 2").fetchall()

    assert (mine, others) == (["a1000001"], ["b"])
    assert behind == [(count - 2,)]


async def test_a_full_owner_is_passed_by_however_many_are_full(place: Place) -> None:
    async with tables(place) as store:
        owners = [Owner(f"o{number:02}") for number in range(40)]
        for number, owner in enumerate(owners):
            for turn in range(2):
                await store.accept(
                    waiting(f"{owner}-{turn}", number / 100 + turn, owner=owner, limited=True)
                )
        await store.accept(waiting("b", 99.0))
        limits = dict.fromkeys(owners, 1)
        first = await claimed(store, wants({"v0": 0.0}, 40, **limits))
        then = await claimed(store, wants({"v0": 0.0}, 1, **limits))

    assert sorted(first) == [f"{owner}-0" for owner in owners]
    assert then == ["b"]


async def test_a_line_keeps_its_order_and_lets_a_higher_priority_pass(place: Place) -> None:
    async with tables(place) as store:
        for number in range(3):
            await store.accept(waiting(f"a{number}", number, owner=ADA, limited=True))
        await store.accept(waiting("urgent", 9.0, owner=ADA, limited=True, priority=1))
        took = [await claimed(store, wants({"v0": 0.0}, ada=4)) for _ in range(4)]

    assert [id_ for [id_] in took] == ["urgent", "a0", "a1", "a2"]


async def test_a_line_moves_on_when_its_first_is_canceled(place: Place) -> None:
    async with place.opened() as database:
        store, turns = PredictionTables(database), TurnTables(database)
        for version in ("v0", "v1"):
            for number in range(2):
                await store.accept(
                    waiting(f"{version}-{number}", number, owner=ADA, limited=True, version=version)
                )
        await store.cancel(PredictionId("v0-0"), ADA)
        stuck = await claimed(store, wants({"v0": 0.0}, ada=9))
        lined = await turns.lined()
        waits = await turns.advance(ADA)
        moved = await claimed(store, wants({"v0": 0.0, "v1": 0.0}, 9, ada=9))

    assert (stuck, lined, waits) == ([], [ADA], ["v0", "v1"])
    assert sorted(moved) == ["v0-1", "v1-0", "v1-1"]


async def test_a_limit_may_come_and_go_while_things_wait(place: Place) -> None:
    async with place.opened() as database:
        store, turns = PredictionTables(database), TurnTables(database)
        for number in range(6):
            await store.accept(waiting(f"a{number}", number, owner=ADA))
        began = await claimed(store, wants({"v0": 0.0}))
        await turns.limit(ADA, limited=True)
        await turns.advance(ADA)
        limited = await claimed(store, wants({"v0": 0.0}, 9, ada=2))
        await turns.limit(ADA, limited=False)
        rest = await claimed(store, wants({"v0": 0.0}, 9))

    assert (began, limited, rest) == (["a0"], ["a1"], ["a2", "a3", "a4", "a5"])


# ── what is learned from the database ──


async def test_what_waits_is_told_by_version_priority_and_owner(place: Place) -> None:
    async with place.opened() as database:
        store, turns = PredictionTables(database), TurnTables(database)
        for number in range(3):
            await store.accept(waiting(f"b{number}", number + 1.0))
            await store.accept(waiting(f"a{number}", number + 5.0, owner=ADA, limited=True))
        await store.accept(waiting("low", 4.0, priority=-1))
        await claimed(store, asking(version="v0"))
        found = await turns.waiting()

    def told(owner: Owner, count: int, first: float, last: float, **changes: object) -> Waiting:
        one = Waiting(version=VersionId("v0"), priority=0, owner=owner, count=count, first=first,
                      last=last, limited=False)  # fmt: skip
        return replace(one, **changes)

    assert sorted(found, key=lambda one: (one.owner, one.priority, one.first)) == [
        told(ADA, 1, 5.0, 5.0, limited=True),
        told(ADA, 2, 6.0, 7.0, limited=True),
        told(BOB, 1, 4.0, 4.0, priority=-1),
        told(BOB, 2, 2.0, 3.0),
    ]


async def test_runs_tell_what_they_took(place: Place) -> None:
    async with place.opened() as database:
        store, turns = PredictionTables(database), TurnTables(database)
        for number in range(3):
            await store.accept(replace(waiting(f"b{number}", 0.0), holder=HOLDER))
        await finished(store, "b0")
        await finished(store, "b1")

        assert await turns.run_seconds(500) == {"v0": 2.0}
        assert await turns.run_seconds(1) == {}


async def test_only_what_others_accepted_lately_is_learned(place: Place) -> None:
    async with place.opened() as one, place.opened(ServerId("s2")) as other:
        for number in range(4):
            await PredictionTables(other).accept(waiting(f"b{number}", number))
        await PredictionTables(one).accept(waiting("b9", 99.0))
        here, there = TurnTables(one), TurnTables(other)
        lately = await here.elsewhere(PredictionId("b1"), 9)
        newest = await here.elsewhere(PredictionId("b0"), 1)
        nothing = await here.elsewhere(PredictionId("b3"), 9)
        by_other = await there.elsewhere(PredictionId("b"), 9)

    if place.name == "sqlite":  # there is one server, so nobody else accepts
        assert [*lately, *newest, *nothing, *by_other] == []
        return
    last = Elsewhere(version=VersionId("v0"), priority=0, owner=BOB, last=3.0)
    assert (lately, newest, nothing) == ([last], [last], [])
    assert by_other == [replace(last, last=99.0)]


# ── plans ──

LINE = {"owner": "a", "version": "v", "priority": 0}
PLANS: list[tuple[str, Parameters, str]] = [
    ("owner_runs", LINE, "predictions_gated"),
    ("first_in_line", LINE, "predictions_gated"),
    ("next_in_line", LINE, "predictions_gated"),
    ("lines", LINE, "predictions_gated"),
    ("lined_owners", {}, "predictions_gated"),
    ("open_gate", LINE, "predictions_gated"),
    ("turns_elsewhere", {"since": "p", "most": 1}, "predictions_pkey"),
    ("run_times", {"most": 1}, "attempts_pkey"),
]


@pytest.mark.parametrize(("name", "parameters", "index"), PLANS, ids=[name for name, *_ in PLANS])
async def test_statements_of_turns_use_their_index(
    place: Place, name: str, parameters: Parameters, index: str
) -> None:
    async with place.opened():
        pass
    plan = " ".join(place.hand().plan(name, parameters))

    known = (
        index if place.name == "postgres" else re.sub(r"^(\w+)_pkey", r"sqlite_autoindex_\1", index)
    )
    assert known in plan
    assert not re.search(r"SCAN predictions(?! USING)|Seq Scan", plan)


async def test_a_claim_among_many_versions_reads_only_what_is_first_in_turn(place: Place) -> None:
    async with place.opened():
        pass
    peek = {"version": "v", "most": 3, "listed": "[]"}
    plan = " ".join(place.hand().plan("peek", peek))

    assert re.search(r"predictions_ready \(version=\?\)|Index Scan using predictions_ready", plan)
    assert "Sort" not in plan
    assert "TEMP B-TREE" not in plan
