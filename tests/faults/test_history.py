"""The checker finds nothing in a true history, and each contradiction that is planted."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from typing import TypeVar

import pytest
from tests.faults.history import Call, History, Verb, Verdict, contradictions, unended
from tests.faults.rows import Item, Line, Rows, Told, Tried, read_hand
from tests.store.acceptances import asking
from tests.store.places import SqliteHand, migrated

from darkroom.domain.events import Finished, LogText, Published, Report
from darkroom.domain.ids import Owner, PredictionId, VersionId, WorkerId
from darkroom.domain.prediction import JsonText, Outcome, Shape
from darkroom.ports.predictions import Acceptance, Holder, Lost
from darkroom.store.statements import SQLITE, load
from darkroom.store.transitions import accepting, claiming, ending, losing, reporting
from darkroom.store.transitions.recipe import Transition

T = TypeVar("T")
TEXTS = load(SQLITE)
HOLDER = Holder(worker=WorkerId("w"), incarnation=1)
VERSION = VersionId("v" * 64)


class World:
    """Three predictions: `won` in its second attempt, `stopped` while it ran, `waits`."""

    def __init__(self, hand: SqliteHand) -> None:
        self.hand = hand
        self.accept("won", webhook="https://hooks.test/x")
        self.accept("stopped")
        self.report("won", 1, LogText(text="one\n"), _text(0), started=True)
        self.commit(losing.lose(_lost("won")))
        self.report("stopped", 1, started=True)
        self.commit(ending.cancel(PredictionId("stopped"), Owner("ada")))
        self.commit(claiming.claim(asking(9, version=VERSION)))
        self.report("won", 2, _text(0), started=True, outcome=Outcome.SUCCEEDED)
        self.accept("waits", claimed=False)
        self.rows = read_hand(hand)

    def commit(self, transition: Transition[T]) -> T:
        return self.hand.commit(transition, TEXTS)

    def accept(self, id_: str, *, webhook: str | None = None, claimed: bool = True) -> None:
        new = Acceptance(
            id=PredictionId(id_),
            owner=Owner("ada"),
            model="m/n",
            version=VERSION,
            shape=Shape.LIST,
            input=JsonText(f'{{"prompt":"{id_}"}}'),
            webhook=webhook,
            holder=HOLDER if claimed else None,
        )
        self.commit(accepting.accept(new))

    def report(
        self,
        id_: str,
        attempt: int,
        *events: LogText | Published,
        started: bool,
        outcome: Outcome | None = None,
    ) -> None:
        finished = Finished(outcome=outcome) if outcome else None
        told = Report(
            prediction=PredictionId(id_),
            attempt=attempt,
            started=started,
            events=events,
            finished=finished,
        )
        self.commit(reporting.report(told))


def _text(index: int) -> Published:
    return Published(index=index, value=JsonText('"word"'))


def _lost(id_: str) -> Lost:
    return Lost(prediction=PredictionId(id_), attempt=1, outcome=Outcome.LOST, reason="gone.")


def call(verb: Verb, name: str, at: float, status: str | None, **more: object) -> Call:
    made = Call(
        verb=verb,
        verdict=Verdict.OK,
        name=name,
        began_at=at,
        ended_at=at + 0.5,
        id=name,
        status=status,
    )
    return replace(made, **more)


CALLS = [
    call(Verb.CREATE, "won", 1, "starting", webhook=True),
    call(Verb.GET, "won", 2, "processing"),
    call(Verb.GET, "won", 3, None, verdict=Verdict.UNKNOWN),
    call(Verb.GET, "won", 4, "succeeded"),
    call(Verb.CREATE, "stopped", 1, None, id=None, verdict=Verdict.UNKNOWN),
    call(Verb.CREATE, "stopped", 2, "starting"),
    call(Verb.CANCEL, "stopped", 3, "canceled"),
    call(Verb.CREATE, "waits", 5, "starting"),
    call(Verb.CREATE, "refused", 6, None, id=None, verdict=Verdict.REFUSED),
    call(Verb.CREATE, "lost", 6, None, id=None, verdict=Verdict.UNKNOWN),
]


@pytest.fixture
def world() -> Iterator[World]:
    with closing(migrated(":memory:")) as hand:
        yield World(hand)


def test_a_true_history_is_contradicted_by_nothing(world: World) -> None:
    assert contradictions(CALLS, world.rows) == []
    assert unended(world.rows) == ["waits"]


def more(*calls: Call) -> list[Call]:
    return [*CALLS, *calls]


LIES = {
    "accepted and not there": (
        more(call(Verb.CREATE, "gone", 7, "starting")),
        "gone was accepted as gone and is not there",
    ),
    "accepted twice under two ids": (
        more(call(Verb.CREATE, "won", 7, "starting", id="other", webhook=True)),
        "won was accepted as other and is not there",
    ),
    "refused and there": (
        [one for one in CALLS if one.name != "waits"]
        + [call(Verb.CREATE, "waits", 7, None, id=None, verdict=Verdict.REFUSED)],
        "waits was refused every time and is there",
    ),
    "nobody's": (
        [one for one in CALLS if one.name != "waits"],
        "waits was never asked for",
    ),
    "not found after it was accepted": (
        more(call(Verb.GET, "won", 7, None, verdict=Verdict.REFUSED)),
        "won was refused to a get although it was accepted",
    ),
    "shown and not there": (
        more(call(Verb.GET, "ghost", 7, "starting")),
        "ghost was shown and is not there",
    ),
    "back from the end": (
        more(call(Verb.GET, "won", 7, "processing")),
        "won was succeeded and then processing",
    ),
    "back to the start": (
        more(call(Verb.GET, "won", 3, "starting")),
        "won was processing and then starting",
    ),
    "another end": (
        more(call(Verb.GET, "stopped", 7, "failed")),
        "stopped was failed and then canceled",
    ),
    "a cancel that did not stay": (
        more(call(Verb.CANCEL, "waits", 7, "canceled")),
        "waits was canceled and then starting",
    ),
    "a webhook that was not kept": (
        [replace(one, webhook=one.name in ("won", "waits")) for one in CALLS],
        "waits has lost its webhook, or got one",
    ),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_to_a_client_is_found(world: World, lie: str) -> None:
    calls, sentence = LIES[lie]
    assert sentence in contradictions(calls, world.rows)


def test_calls_at_the_same_time_may_see_either_status(world: World) -> None:
    beside = call(Verb.GET, "won", 3.8, "processing", ended_at=4.2)
    assert contradictions(more(beside), world.rows) == []


def changed(rows: Rows, id_: str, **values: object) -> Rows:
    stored = [one._replace(**values) if one.id == id_ else one for one in rows.predictions]
    return replace(rows, predictions=stored)


DAMAGE: dict[str, tuple[Callable[[Rows], Rows], str]] = {
    "a double": (
        lambda rows: replace(rows, predictions=[*rows.predictions, rows.predictions[0]]),
        "stopped was made 2 times",
    ),
    "a gap in the attempts": (
        lambda rows: replace(rows, attempts=[one for one in rows.attempts if one.number != 1]),
        "won is at attempt 2, and its attempts have a gap",
    ),
    "an attempt too many": (
        lambda rows: replace(rows, attempts=[*rows.attempts, Tried("won", 3, "lost")]),
        "won is at attempt 2, and its attempts have a gap",
    ),
    "claimed by nobody": (
        lambda rows: changed(rows, "waits", claimed=True),
        "waits is claimed, and open are []",
    ),
    "run while it waits": (
        lambda rows: replace(
            changed(rows, "waits", attempt=1), attempts=[*rows.attempts, Tried("waits", 1, None)]
        ),
        "waits is not claimed, and open are [1]",
    ),
    "won by a superseded attempt": (
        lambda rows: replace(
            rows,
            attempts=[
                one._replace(outcome="succeeded" if one.number == 1 else "lost")
                for one in rows.attempts
            ],
        ),
        "won succeeded at attempt 2, and attempts [1] did",
    ),
    "won twice": (
        lambda rows: replace(
            rows,
            attempts=[one._replace(outcome="succeeded") for one in rows.attempts],
        ),
        "won succeeded at attempt 2, and attempts [1, 2] did",
    ),
    "an output of the loser": (
        lambda rows: replace(rows, items=[one for one in rows.items if one.attempt != 2]),
        "won succeeded, and its winner's outputs are []",
    ),
    "an output of nobody": (
        lambda rows: replace(rows, items=[*rows.items, Item("won", 7, 0, None)]),
        "won has an output of an attempt that never was",
    ),
    "an end that is not told": (
        lambda rows: replace(rows, deliveries=[]),
        "won is succeeded and its end is told 0 times",
    ),
    "an end that is told twice": (
        lambda rows: replace(rows, deliveries=[*rows.deliveries, Told("won", "completed")]),
        "won is succeeded and its end is told 2 times",
    ),
    "an end that nobody wanted to hear": (
        lambda rows: replace(rows, deliveries=[*rows.deliveries, Told("stopped", "completed")]),
        "stopped is canceled and its end is told 1 times",
    ),
    "an event twice": (
        lambda rows: replace(rows, lines=[*rows.lines, Line("won", 1)]),
        "won has two events [1]",
    ),
    "an event that is missing": (
        lambda rows: replace(rows, lines=rows.lines[1:]),
        "won counts 4 events, and has [2, 3]",
    ),
    "an end without its event": (
        lambda rows: changed(rows, "stopped", events=0),
        "stopped counts 0 events, and has []",
    ),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_in_the_rows_is_found(world: World, damage: str) -> None:
    harm, sentence = DAMAGE[damage]
    assert sentence in contradictions(CALLS, harm(world.rows))


def test_a_history_counts_what_it_was_told() -> None:
    history = History()
    for one in CALLS:
        history.add(one)
    assert history.count(Verb.CREATE, Verdict.OK) == 3
    assert history.count(Verb.GET, Verdict.UNKNOWN) == 1
