"""The state machine holds, and each of the planted faults is found by it."""

import sqlite3
from collections.abc import Mapping

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from tests.store.far import FarLife
from tests.store.life import Life
from tests.store.places import Hand, Loop, postgres_place
from tests.store.told import ToldLife

from darkroom.store.statements import SQLITE, load

SOUND = settings(
    max_examples=150,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
FEW = settings(SOUND, max_examples=15)
HUNT = settings(SOUND, max_examples=300, derandomize=True, phases=[Phase.generate], database=None)

TEXTS = load(SQLITE)


def without(name: str, *guards: str) -> dict[str, str]:
    text = TEXTS[name]
    for guard in guards:
        assert guard in text, f"the mutation of {name} no longer fits its text"
        text = text.replace(guard, "")
    return {name: text}


OPEN = """
   and not exists (select 1
                     from attempts
                    where attempts.prediction_id = predictions.id and attempts.ended_at is null)"""
STILL_THERE = (
    "\n   and server = case when cast(:server as text) = '' then '' else cast(:server as text) end"
)
MUTANTS = {
    "the fence is gone": {
        **without("report", " and attempt = :attempt"),
        **without("live", " and attempt = :attempt"),
        **without("lose", " and attempt = :attempt"),
    },
    "the outbox row is forgotten": {"add_delivery": "select :id, :kind, :endpoint"},
    "the end is sent beside its start": without(
        "take_delivery",
        "e.taken_at is not null or ",
        "or d.kind = 'completed'",
    ),
    "a finish after a cancel is accepted": without("report", " and claimed = 1"),
    "data of a live attempt is removed": without("mark_removed", OPEN),
}
FAR_MUTANTS = {
    "what is told twice counts twice": without("note", " and told < :number"),
    "an attempt that goes on elsewhere is given up": without("lease_stands", STILL_THERE),
    "an attempt that has ended goes on": without("adopt", " and ended_at is null"),
}


@pytest.mark.conformance(37)
def test_every_promise_holds_whatever_happens() -> None:
    run_state_machine_as_test(ToldLife, settings=SOUND)


def test_every_promise_holds_for_workers_that_outlive_their_servers() -> None:
    run_state_machine_as_test(FarLife, settings=SOUND)


@pytest.mark.parametrize("life", [ToldLife, FarLife])
def test_every_promise_holds_in_postgresql(
    postgres_url: str, postgres_loop: Loop, life: type[Life]
) -> None:
    with postgres_place(postgres_loop, postgres_url) as place:

        class PostgresLife(life):
            dialect = place.dialect

            @classmethod
            def new_hand(cls) -> Hand:
                hand = place.hand()
                hand.empty()
                return hand

        run_state_machine_as_test(PostgresLife, settings=FEW)


@pytest.mark.parametrize(
    ("life", "mutations"),
    [
        *((ToldLife, one) for one in MUTANTS.values()),
        *((FarLife, one) for one in FAR_MUTANTS.values()),
    ],
    ids=[*MUTANTS, *FAR_MUTANTS],
)
def test_a_planted_fault_is_found(life: type[Life], mutations: Mapping[str, str]) -> None:
    broken = type("Broken", (life,), {"mutations": mutations})

    with pytest.raises((AssertionError, sqlite3.IntegrityError, ExceptionGroup)):
        run_state_machine_as_test(broken, settings=HUNT)
