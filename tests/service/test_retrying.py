"""What each reply to a webhook leads to."""

from datetime import timedelta

import pytest

from darkroom.domain.ids import PredictionId
from darkroom.domain.prediction import Milliseconds
from darkroom.ports.webhooks import (
    Answered,
    Delivery,
    DeliveryState,
    Reply,
    Try,
    Unanswered,
    Undeliverable,
    WebhookEvent,
)
from darkroom.service.retrying import OFFSETS, verdict

AT = Milliseconds(1_800_000_000_000)


def delivery(
    tries: int = 1, *, event: WebhookEvent = WebhookEvent.COMPLETED, after_seconds: float = 0
) -> Delivery:
    return Delivery(
        prediction=PredictionId("p"),
        n=1,
        event=event,
        tries=tries,
        first_at=AT,
        taken_at=Milliseconds(AT + round(after_seconds * 1000)),
    )


def judged(one: Delivery, reply: Reply, *, seconds: float = 0, chance: float = 0.5) -> Try:
    return verdict(one, reply, seconds, lambda: chance)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_any_2xx_is_delivered(status: int) -> None:
    done = judged(delivery(), Answered(status, "ok"))
    assert (done.state, done.status, done.error) == (DeliveryState.DELIVERED, status, None)
    assert done.answer == "ok"


@pytest.mark.conformance(80)
@pytest.mark.parametrize("reply", [Answered(301), Answered(404), Answered(500), Unanswered("no")])
def test_anything_else_is_tried_again(reply: Reply) -> None:
    done = judged(delivery(), reply)
    assert (done.state, done.wait_ms) == (DeliveryState.PENDING, 2000)
    assert done.error


@pytest.mark.conformance(80)
@pytest.mark.parametrize("event", [one for one in WebhookEvent if one != WebhookEvent.COMPLETED])
def test_only_the_end_is_tried_again(event: WebhookEvent) -> None:
    assert judged(delivery(event=event), Answered(500)).state is DeliveryState.DEAD


@pytest.mark.conformance(80)
def test_the_end_is_tried_for_about_a_minute_and_then_for_a_day() -> None:
    at, waits = 0.0, list[float]()
    for tries in range(1, len(OFFSETS)):
        done = judged(delivery(tries, after_seconds=at), Unanswered("no"))
        waits.append(done.wait_ms / 1000)
        at += done.wait_ms / 1000

    assert waits[:4] == [2, 6, 17, 35]
    assert at == timedelta(days=1).total_seconds()
    last = judged(delivery(len(OFFSETS), after_seconds=at), Unanswered("no"))
    assert last.state is DeliveryState.DEAD


def test_tries_are_spread_by_a_fifth_either_way() -> None:
    early, late = (
        judged(delivery(5, after_seconds=60), Answered(500), chance=one) for one in (0.0, 1.0)
    )
    assert early.wait_ms == 300_000 * 0.8 - 60_000
    assert late.wait_ms == 300_000 * 1.2 - 60_000


def test_a_slow_receiver_does_not_put_its_next_try_off() -> None:
    assert judged(delivery(2, after_seconds=3), Unanswered("no"), seconds=15).wait_ms == 1000
    assert judged(delivery(4, after_seconds=25), Unanswered("no"), seconds=15).wait_ms == 20_000


@pytest.mark.parametrize("reply", [Answered(410), Undeliverable("port 9 is not spoken to")])
def test_who_is_gone_for_good_is_given_up_at_once(reply: Reply) -> None:
    done = judged(delivery(), reply)
    assert done.state is DeliveryState.DEAD
    assert done.error


@pytest.mark.parametrize(
    ("asked", "waited"), [(0.0, 2.0), (1.0, 2.0), (90.0, 90.0), (9e9, 86_400.0)]
)
def test_a_receiver_may_ask_for_a_longer_wait_up_to_a_day(asked: float, waited: float) -> None:
    done = judged(delivery(), Answered(429, retry_after_seconds=asked))
    assert done.wait_ms == waited * 1000


def test_a_redirect_is_told_as_not_followed() -> None:
    assert "not followed" in (judged(delivery(), Answered(302)).error or "")
