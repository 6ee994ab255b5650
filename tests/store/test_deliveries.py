"""Who may take a delivery from the outbox, and what is known of all of them."""

import re
from collections.abc import AsyncGenerator

import pytest
from tests.store.box import ID, Box, opened, output, since
from tests.store.places import Place

from darkroom.domain.ids import PredictionId
from darkroom.domain.prediction import Outcome
from darkroom.ports.webhooks import DeliveryState
from darkroom.store.rows import Parameters
from darkroom.store.transitions.delivering import LEASE_MS


@pytest.fixture
async def box(place: Place) -> AsyncGenerator[Box]:
    async with opened(place) as made:
        yield made


# ── who may take them ──


async def test_completed_is_not_taken_before_its_start_is_settled(box: Box) -> None:
    await box.accept()
    await box.tell(started=True, outcome=Outcome.SUCCEEDED)
    (start,) = await box.taken()
    assert start.event == "start"
    assert await box.take() == []
    await box.settle(start)
    assert await box.take() == [(2, "completed")]


async def test_completed_is_not_taken_while_an_output_is_being_sent(box: Box) -> None:
    await box.accept("output", "completed")
    await box.tell(output())
    (sent,) = await box.taken()
    await box.tell(outcome=Outcome.SUCCEEDED)
    assert await box.take() == []
    await box.settle(sent)
    assert await box.take() == [(2, "completed")]


async def test_what_is_taken_is_nobody_elses(box: Box) -> None:
    await box.accept("completed")
    await box.tell(outcome=Outcome.SUCCEEDED)
    assert await box.take() == [(1, "completed")]
    assert await box.take() == []


async def test_an_end_whose_taker_died_is_taken_again_and_the_dead_cannot_settle_it(
    box: Box,
) -> None:
    await box.accept("completed")
    await box.tell(outcome=Outcome.SUCCEEDED)
    (taken,) = await box.taken()
    first = since(taken, LEASE_MS)
    box.pass_ms(LEASE_MS)
    (second,) = await box.taken()

    assert (second.n, second.tries) == (1, 2)
    assert not await box.settle(first)
    assert await box.settle(second)
    (kept,) = await box.outbox.kept(ID)
    assert (kept.state, len(kept.tries)) == ("delivered", 1)


async def test_what_is_sent_only_once_dies_with_its_taker(box: Box) -> None:
    await box.accept("start", "completed")
    await box.tell(started=True, outcome=Outcome.SUCCEEDED)
    assert await box.take() == [(1, "start")]
    box.pass_ms(LEASE_MS)
    assert await box.take() == [(2, "completed")]
    assert box.known()[0] == (1, "start", "dead")


async def test_a_new_server_takes_at_once_what_the_last_one_had_taken(place: Place) -> None:
    async with opened(place) as box:
        await box.accept("completed")
        await box.tell(outcome=Outcome.SUCCEEDED)
        assert await box.take() == [(1, "completed")]
    async with opened(place) as box:
        assert await box.take() == []
        await box.outbox.recover()
        assert await box.take() == [(1, "completed")]


async def test_no_more_is_taken_than_asked_for_and_the_longest_due_comes_first(box: Box) -> None:
    ids = [PredictionId(f"p{number}") for number in range(4)]
    for id_ in reversed(ids):
        await box.accept("completed", id_=id_)
        await box.tell(outcome=Outcome.SUCCEEDED, id_=id_)
        box.pass_ms(10)
    assert [one.prediction for one in await box.taken(3)] == [ids[3], ids[2], ids[1]]


# ── what is known of them ──


async def test_every_endpoint_is_told_once_with_its_next_time(box: Box) -> None:
    for number in range(6):
        id_ = PredictionId(f"p{number}")
        await box.accept("completed", webhook=f"https://h{number % 3}.test/", id_=id_)
        await box.tell(outcome=Outcome.SUCCEEDED, id_=id_)
    box.rows.execute(
        "update deliveries set next_at = next_at + 9000 where endpoint = 'https://h1.test/'"
    )
    found = {one.address: one for one in await box.outbox.endpoints()}

    assert list(found) == ["https://h0.test/", "https://h1.test/", "https://h2.test/"]
    assert [one.due for one in found.values()] == [True, False, True]
    assert found["https://h0.test/"].later_ms is None
    assert 8000 < (found["https://h1.test/"].later_ms or 0) <= 9000


async def test_an_empty_outbox_has_no_endpoints(box: Box) -> None:
    assert await box.outbox.endpoints() == []


async def test_tries_are_kept_in_order_also_after_a_resend(box: Box) -> None:
    await box.accept("completed")
    await box.tell(outcome=Outcome.SUCCEEDED)
    (first,) = await box.taken()
    await box.settle(first, DeliveryState.DEAD)
    assert await box.outbox.resend(ID, None) == 1
    (again,) = await box.taken()
    await box.settle(again)

    (kept,) = await box.outbox.kept(ID)
    assert again.tries == 1
    assert kept.state == "delivered"
    assert [(one.status, one.answer) for one in kept.tries] == [(200, "ok")] * 2


async def test_the_answer_to_a_try_that_outlived_the_data_is_not_kept(box: Box) -> None:
    await box.accept("completed")
    await box.tell(outcome=Outcome.SUCCEEDED)
    (taken,) = await box.taken()
    box.rows.execute("update predictions set data_removed_at = 1")
    await box.settle(taken)

    (kept,) = await box.outbox.kept(ID)
    assert [(one.status, one.answer) for one in kept.tries] == [(200, None)]


async def test_a_delivery_under_way_is_not_sent_twice_by_a_resend(box: Box) -> None:
    await box.accept("completed")
    await box.tell(outcome=Outcome.SUCCEEDED)
    assert await box.take() == [(1, "completed")]
    assert await box.outbox.resend(ID, 1) == 1
    assert await box.take() == []


async def test_there_is_nothing_to_send_again_where_nothing_was_wanted(box: Box) -> None:
    await box.accept("start")
    await box.tell(started=True, outcome=Outcome.SUCCEEDED)
    assert await box.outbox.resend(ID, None) is None
    assert await box.outbox.resend(ID, 2) is None
    assert await box.outbox.resend(PredictionId("p9"), 1) is None


PLANS: list[tuple[str, Parameters]] = [
    ("delivery_endpoints", {}),
    ("take_delivery", {"endpoint": "e", "lease_ms": 1}),
    ("settle_delivery", {"id": "p", "n": 1, "taken_at": 1, "state": "dead", "wait_ms": 0}),
    ("space_deliveries", {"id": "p", "apart_ms": 1}),
    ("drop_deliveries", {"id": "p"}),
    ("add_delivery", {"id": "p", "kind": "start", "endpoint": "e"}),
    ("add_start_delivery", {"id": "p", "endpoint": "e"}),
    ("add_change_delivery", {"id": "p", "kind": "logs", "endpoint": "e", "apart_ms": 1}),
    ("add_delivery_try", dict.fromkeys(("id", "n", "at", "status", "seconds", "error", "answer"))),
    ("deliveries", {"id": "p"}),
    ("delivery_tries", {"id": "p"}),
]


@pytest.mark.parametrize(("name", "parameters"), PLANS, ids=[name for name, _ in PLANS])
async def test_no_statement_reads_the_whole_outbox(
    box: Box, name: str, parameters: Parameters
) -> None:
    steps = box.rows.plan(name, parameters)
    whole = re.compile(r"SCAN (deliver|d\b|e\b)|Seq Scan on deliver")
    assert "deliver" in " ".join(steps)
    assert [step for step in steps if whole.search(step)] == []
