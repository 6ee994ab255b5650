"""Which webhooks a change of a prediction puts into the outbox, and when they are due."""

from collections.abc import AsyncGenerator

import pytest
from tests.store.acceptances import asking
from tests.store.box import ENDPOINT, ID, Box, log, opened, output, since
from tests.store.places import Place

from darkroom.domain.events import Report
from darkroom.domain.ids import PredictionId
from darkroom.domain.prediction import Outcome
from darkroom.ports.predictions import Lost
from darkroom.store.transitions.outbox import APART_MS


@pytest.fixture
async def box(place: Place) -> AsyncGenerator[Box]:
    async with opened(place) as made:
        yield made


# ── which rows ──


async def test_without_a_webhook_nothing_is_put_into_the_outbox(box: Box) -> None:
    await box.accept(webhook=None)
    await box.tell(log(), output(), started=True, outcome=Outcome.SUCCEEDED)
    assert box.known() == []


async def test_the_endpoint_is_the_address_without_query_and_fragment(box: Box) -> None:
    await box.accept(webhook="https://hooks.test/x?order=1#part")
    await box.tell(started=True)
    assert [one.address for one in await box.outbox.endpoints()] == [ENDPOINT]


async def test_a_start_is_told_once_however_often_it_is_reported(box: Box) -> None:
    await box.accept("start")
    await box.tell(started=True)
    await box.tell(log(), started=True)
    assert box.known() == [(1, "start", "pending")]


async def test_a_start_is_not_told_again_by_a_later_attempt(box: Box) -> None:
    await box.accept("start")
    await box.tell(started=True)
    await box.store.lose(Lost(prediction=ID, attempt=1, outcome=Outcome.LOST, reason="gone."))
    await box.store.claim(asking())
    await box.store.report(Report(prediction=ID, attempt=2, started=True))
    assert [kind for _, kind, _ in box.known()] == ["start"]


async def test_a_report_that_starts_and_ends_gives_start_and_completed_alone(box: Box) -> None:
    await box.accept()
    await box.tell(log(), output(), started=True, outcome=Outcome.SUCCEEDED)
    assert box.known() == [(1, "start", "pending"), (2, "completed", "pending")]


async def test_changes_that_wait_carry_later_ones(box: Box) -> None:
    await box.accept("output", "logs")
    for index in range(5):
        await box.tell(log(), output(index))
    assert sorted(box.kinds()) == ["logs", "output"]


async def test_a_change_while_another_is_being_sent_is_told_afterwards(box: Box) -> None:
    await box.accept("logs")
    await box.tell(log())
    assert await box.take() == [(1, "logs")]
    await box.tell(log())
    assert len(box.kinds()) == 2


async def test_the_end_overtakes_what_waits(box: Box) -> None:
    await box.accept()
    await box.tell(log(), output(), started=True)
    await box.store.cancel(ID, None)
    states = {kind: state for _, kind, state in box.known()}
    assert states == {
        "start": "pending",
        "logs": "dropped",
        "output": "dropped",
        "completed": "pending",
    }


async def test_where_the_end_is_not_wanted_the_last_output_is_told(box: Box) -> None:
    await box.accept("output")
    await box.tell(output(), started=True, outcome=Outcome.SUCCEEDED)
    assert box.kinds() == ["output"]


@pytest.mark.conformance(75)
@pytest.mark.parametrize(
    "wanted", [("start",), ("output",), ("logs",), ("completed",), ("start", "completed")]
)
async def test_exactly_the_wanted_kinds_are_put_into_the_outbox(
    box: Box, wanted: tuple[str, ...]
) -> None:
    await box.accept(*wanted)
    await box.tell(started=True)
    await box.tell(log(), output())
    await box.tell(outcome=Outcome.FAILED)
    assert sorted(kind for _, kind, _ in box.known()) == sorted(wanted)


async def test_a_lost_attempts_line_is_told_as_log_text(box: Box) -> None:
    await box.accept("logs")
    await box.store.lose(Lost(prediction=ID, attempt=1, outcome=Outcome.LOST, reason="gone."))
    assert box.kinds() == ["logs"]


async def test_where_the_end_is_not_wanted_the_line_of_the_last_loss_is_told(box: Box) -> None:
    await box.accept("logs")
    for attempt in (1, 2, 3):
        lost = Lost(prediction=ID, attempt=attempt, outcome=Outcome.LOST, reason="gone.")
        await box.store.lose(lost)
        for one in await box.taken():
            await box.settle(one)
        box.pass_ms(APART_MS)
        await box.store.claim(asking())
    assert [(kind, state) for _, kind, state in box.known()] == [("logs", "delivered")] * 3


async def test_each_way_to_end_tells_the_end_once(box: Box) -> None:
    ids = [PredictionId(f"p{number}") for number in range(4)]
    for id_ in ids:
        await box.accept("completed", id_=id_)
    await box.tell(outcome=Outcome.SUCCEEDED, id_=ids[0])
    await box.store.cancel(ids[1], None)
    box.rows.execute("update predictions set deadline_at = 1 where id = ?", (ids[2],))
    await box.store.expire(9)
    for attempt in (1, 2, 3):
        lost = Lost(prediction=ids[3], attempt=attempt, outcome=Outcome.LOST, reason="gone.")
        await box.store.lose(lost)
        await box.store.claim(asking())
    told = box.rows.execute("select prediction_id from deliveries order by 1").fetchall()
    assert told == [(id_,) for id_ in ids]


# ── when ──


@pytest.mark.conformance(76)
async def test_output_and_logs_are_due_half_a_second_apart(box: Box) -> None:
    await box.accept("output", "logs")
    await box.tell(output(), log())
    assert box.gap_ms(1, 2) >= APART_MS


@pytest.mark.conformance(76)
async def test_the_next_change_waits_from_the_answer_to_the_last(box: Box) -> None:
    await box.accept("output", "logs")
    await box.tell(log())
    (taken,) = await box.taken()
    first = since(taken, 10_000)
    box.pass_ms(10_000)  # a slow receiver
    await box.tell(output())
    assert await box.take() == []  # the first is still being sent
    assert await box.settle(first)
    assert await box.take() == []  # half a second has not passed
    box.pass_ms(APART_MS)
    assert await box.take() == [(2, "output")]


async def test_a_change_long_after_the_last_is_due_at_once(box: Box) -> None:
    await box.accept("logs")
    await box.tell(log())
    (first,) = await box.taken()
    await box.settle(first)
    box.pass_ms(APART_MS)
    await box.tell(log())
    assert await box.take() == [(2, "logs")]
