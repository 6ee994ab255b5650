"""No wake-up is lost, whether it comes before the wait or during it."""

import asyncio
from dataclasses import replace

import pytest

from darkroom.domain.ids import Owner, PredictionId, VersionId
from darkroom.domain.prediction import JsonText, Milliseconds, Prediction, Shape, Status
from darkroom.service.hub import Hub

RUNNING = Prediction(
    id=PredictionId("p"),
    owner=Owner("ada"),
    model="m/n",
    version=VersionId("v"),
    input=JsonText("{}"),
    input_files=(),
    shape=Shape.ONE,
    status=Status.PROCESSING,
    attempt=1,
    claimed=True,
    created_at=Milliseconds(1),
    started_at=Milliseconds(2),
    completed_at=None,
    output=(),
    error=None,
    logs="",
    metrics=JsonText("{}"),
    webhook=None,
    webhook_events=(),
    deadline_at=None,
    event_count=0,
)
ENDED = replace(RUNNING, status=Status.SUCCEEDED, completed_at=Milliseconds(3))


async def test_a_change_before_the_wait_is_not_lost() -> None:
    hub = Hub()
    with hub.subscribed(RUNNING.id) as subscription:
        hub.publish(ENDED)
        assert await subscription.ended(0.01) == ENDED


async def test_a_change_during_the_wait_ends_it() -> None:
    hub = Hub()
    with hub.subscribed(RUNNING.id) as subscription:
        waiting = asyncio.create_task(subscription.ended(60))
        await asyncio.sleep(0)
        hub.publish(RUNNING)
        hub.publish(ENDED)
        assert await waiting == ENDED


async def test_a_wait_that_is_over_leaves_the_latest_state() -> None:
    hub = Hub()
    with hub.subscribed(RUNNING.id) as subscription:
        hub.publish(RUNNING)
        assert await subscription.ended(0) is None
        assert subscription.latest == RUNNING


async def test_a_fault_is_raised_to_whoever_waits() -> None:
    hub = Hub()
    done: asyncio.Future[Prediction] = asyncio.get_running_loop().create_future()
    done.set_exception(RuntimeError("disk full"))
    with hub.subscribed(RUNNING.id) as subscription:
        subscription.fail_with(done)
        with pytest.raises(RuntimeError, match="disk full"):
            await subscription.ended(60)


async def test_nobody_hears_of_it_after_the_block() -> None:
    hub = Hub()
    with hub.subscribed(RUNNING.id) as subscription:
        pass
    hub.publish(ENDED)

    assert subscription.latest is None


async def test_an_end_is_minded_before_anybody_is_told_and_when_it_is_read() -> None:
    hub, order = Hub(), list[str]()
    hub.listen(lambda _: order.append("told"))
    hub.mind_ends(lambda _: order.append("minded"))
    hub.publish(RUNNING)
    hub.publish(ENDED)
    hub.saw(RUNNING)
    hub.saw(ENDED)

    assert order == ["told", "minded", "told", "minded"]


async def test_a_listener_hears_of_every_prediction() -> None:
    hub, heard = Hub(), list[Prediction]()
    hub.listen(heard.append)
    hub.publish(RUNNING)
    hub.publish(ENDED)

    assert heard == [RUNNING, ENDED]
