"""What is told twice, too late or at the same moment as something else; on both databases."""

import asyncio
import random
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from tests.faults.history import contradictions
from tests.faults.rows import read_hand
from tests.store.acceptances import ADA, HOLDER, acceptance, asking
from tests.store.places import Place

from darkroom.domain.events import Finished, Published, Report
from darkroom.domain.ids import PredictionId, ServerId, VersionId
from darkroom.domain.prediction import JsonText, Outcome, Prediction, Status
from darkroom.ports.predictions import Acceptance, Lost
from darkroom.store.predictions import PredictionTables

ID = PredictionId("p1")
VERSION = VersionId("v")
RACES = 1000


@asynccontextmanager
async def two_servers(place: Place) -> AsyncGenerator[tuple[PredictionTables, PredictionTables]]:
    """Two servers on one database; on SQLite, which only one may write, the same one twice."""
    async with place.opened(ServerId("s1")) as one:
        if place.name == "sqlite":
            yield PredictionTables(one), PredictionTables(one)
            return
        async with place.opened(ServerId("s2")) as other:
            yield PredictionTables(one), PredictionTables(other)


def new(id_: str, *, claimed: bool = True) -> Acceptance:
    """An acceptance whose end is to be told."""
    asked = acceptance(id_, holder=HOLDER if claimed else None)
    named = JsonText(f'{{"prompt":"{id_}"}}')
    return replace(asked, input=named, webhook="https://hooks.test/x", webhook_events=["completed"])


def finish(id_: PredictionId, attempt: int = 1, *, outputs: int = 1) -> Report:
    return Report(
        prediction=id_,
        attempt=attempt,
        started=True,
        events=[Published(index=index, value=JsonText('"word"')) for index in range(outputs)],
        finished=Finished(outcome=Outcome.SUCCEEDED),
    )


def lost(attempt: int = 1) -> Lost:
    return Lost(prediction=ID, attempt=attempt, outcome=Outcome.LOST, reason="it fell silent.")


def state(place: Place) -> list[object]:
    """Every row of predictions, attempts, items, events and the outbox."""
    tables = ("predictions", "attempts", "items", "log_lines", "deliveries")
    hand = place.hand()
    return [hand.execute(f"select * from {name} order by 1, 2").fetchall() for name in tables]  # noqa: S608  # our own names


def consistent(place: Place) -> None:
    rows = read_hand(place.hand())
    told = contradictions([], rows)
    assert [one for one in told if "was never asked for" not in one] == []


@pytest.mark.fault(12)
async def test_an_end_that_is_told_twice_counts_once(place: Place) -> None:
    async with two_servers(place) as (one, other):
        await one.accept(new(ID))
        first = await one.report(finish(ID))
        before = state(place)
        second = await other.report(finish(ID))

        assert first is not None
        assert first.status is Status.SUCCEEDED
        assert second is None
        assert state(place) == before
        consistent(place)


@pytest.mark.fault(13)
async def test_a_superseded_attempt_changes_nothing(place: Place) -> None:
    async with two_servers(place) as (one, other):
        await one.accept(new(ID))
        await one.lose(lost())
        (again,) = await other.claim(asking(version=VERSION))
        before = state(place)
        stale = [
            await one.report(finish(ID, 1)),
            await one.report(Report(prediction=ID, attempt=1, started=True)),
            await one.lose(lost(1)),
        ]

        assert again.prediction.attempt == 2
        assert stale == [None, None, None]
        assert state(place) == before
        ended = await other.report(finish(ID, 2))
        assert ended is not None
        assert ended.status is Status.SUCCEEDED
        consistent(place)


@pytest.mark.fault(7, 8)
async def test_two_servers_that_give_the_same_attempt_up_count_one_loss(place: Place) -> None:
    async with two_servers(place) as (one, other):
        await one.accept(new(ID))
        given_up = await asyncio.gather(one.lose(lost()), other.lose(lost()))
        counted = place.hand().execute("select losses from predictions").fetchall()

        assert sum(told is not None for told in given_up) == 1
        assert counted == [(1,)]
        consistent(place)


@pytest.mark.fault(14)
async def test_what_is_canceled_while_it_waits_never_runs(place: Place) -> None:
    async with two_servers(place) as (one, other):
        await one.accept(new(ID, claimed=False))
        canceled = await one.cancel(ID, ADA)
        claimed = await other.claim(asking(9, version=VERSION))

        assert canceled is not None
        assert (canceled.status, canceled.started_at) == (Status.CANCELED, None)
        assert claimed == []
        consistent(place)


@pytest.mark.fault(14)
async def test_a_claim_that_races_a_cancel_leaves_nothing_open(place: Place) -> None:
    async with two_servers(place) as (one, other):
        ids = [PredictionId(f"p{number:03}") for number in range(100)]
        await asyncio.gather(*(one.accept(new(id_, claimed=False)) for id_ in ids))
        canceling = [one.cancel(id_, ADA) for id_ in ids]
        found = await other.claim(asking(len(ids), version=VERSION))
        claimed = [each.prediction for each in found]
        await asyncio.gather(*canceling)
        told = await asyncio.gather(*(other.report(finish(run.id, run.attempt)) for run in claimed))
        ended = [await one.get(id_) for id_ in ids]

        assert {run.status for run in ended if run} == {Status.CANCELED}
        assert told == [None] * len(claimed)
        consistent(place)


@pytest.mark.fault(15)
async def test_what_is_canceled_between_claim_and_start_never_starts(place: Place) -> None:
    async with two_servers(place) as (one, other):
        await one.accept(new(ID))
        canceled = await other.cancel(ID, ADA)
        started = await one.report(Report(prediction=ID, attempt=1, started=True))

        assert started is None
        found = await one.get(ID)
        assert found == canceled
        assert found is not None
        assert (found.status, found.started_at) == (Status.CANCELED, None)
        consistent(place)


@pytest.mark.fault(17)
async def test_a_cancel_that_races_the_end_leaves_one_end(place: Place) -> None:
    ids = [PredictionId(f"p{number:04}") for number in range(RACES)]
    async with two_servers(place) as (one, other):
        await asyncio.gather(*(one.accept(new(id_)) for id_ in ids))
        turns = [(id_, verb) for id_ in ids for verb in ("finish", "cancel")]
        random.Random(17).shuffle(turns)  # noqa: S311  # no secret
        calls = {
            (id_, verb): other.cancel(id_, ADA) if verb == "cancel" else one.report(finish(id_))
            for id_, verb in turns
        }
        answers = dict(zip(calls, await asyncio.gather(*calls.values()), strict=True))
        ended = {id_: await one.get(id_) for id_ in ids}

    kinds = [_winner(answers[id_, "finish"], answers[id_, "cancel"], ended[id_]) for id_ in ids]
    assert set(kinds) == {Status.SUCCEEDED, Status.CANCELED}, "one side always wins"
    consistent(place)


def _winner(
    finished: Prediction | None, canceled: Prediction | None, last: Prediction | None
) -> Status:
    """Who won, after a look that all three say the same."""
    assert last is not None
    assert canceled is not None
    assert canceled.status is last.status
    if last.status is Status.SUCCEEDED:
        assert finished == last
        assert len(last.output) == 1
    else:
        assert finished is None
        assert last.output == []
    return last.status
