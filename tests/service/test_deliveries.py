"""Who is served when many wait, what wakes the loop, and what outlives a server."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

import pytest
from tests.support.receiver import receiving
from tests.support.rig import rig
from tests.support.telling import Telling, telling

from darkroom.domain.prediction import Prediction
from darkroom.egress.webhooks import GuardedPoster
from darkroom.ports.webhooks import Endpoint, WebhookEvent
from darkroom.service.deliveries import Deliveries
from darkroom.service.gates import FAILURES, IN_ALL, PER_HOST, PROBE_SECONDS
from darkroom.service.webhook_secrets import WebhookSecrets
from darkroom.store.database import Database
from darkroom.store.deliveries import DeliveryTables
from darkroom.store.keys import KeyTables
from darkroom.store.sqlite import open_sqlite


@pytest.fixture
async def told(tmp_path: Path) -> AsyncGenerator[Telling]:
    async with telling(tmp_path) as made:
        yield made


@pytest.mark.fault(23)
async def test_an_endpoint_is_called_twice_at_a_time_and_starves_nobody(told: Telling) -> None:
    for _ in range(5):
        await told.run("completed", target="/slow")
    await told.run("completed", target="/other")
    told.receiver.gate = asyncio.Event()
    await told.rig.deliveries.once()
    await told.receiver.arrived(3)

    assert sorted(one.target for one in told.receiver.calls) == ["/other", "/slow", "/slow"]
    told.receiver.gate.set()
    await told.send()
    assert len(told.receiver.calls) == 6
    assert told.receiver.most_open == 3


async def test_a_host_is_called_thirty_two_times_at_once(told: Telling) -> None:
    for number in range(PER_HOST + 8):
        await told.run("completed", target=f"/{number}")
    told.receiver.gate = asyncio.Event()
    await told.rig.deliveries.once()
    await told.receiver.arrived(PER_HOST)
    await told.rig.deliveries.once()

    assert PER_HOST < IN_ALL
    assert len(told.receiver.calls) == PER_HOST
    told.receiver.gate.set()
    await told.send()
    assert {one.target for one in told.receiver.calls} == {
        f"/{number}" for number in range(PER_HOST + 8)
    }


@pytest.mark.fault(23)
async def test_an_endpoint_that_fails_is_probed_once_a_minute_and_loses_nothing(
    told: Telling,
) -> None:
    told.receiver.statuses = [500] * (FAILURES + 1)
    for _ in range(FAILURES + 2):
        await told.run("completed")
    await told.send()
    assert len(told.receiver.calls) in (FAILURES, FAILURES + 1)  # two at a time
    tried = len(told.receiver.calls)
    told.pass_seconds(PROBE_SECONDS / 2)
    await told.send()
    assert len(told.receiver.calls) == tried
    told.receiver.statuses = [500]
    told.pass_seconds(PROBE_SECONDS / 2)
    await told.send()
    assert len(told.receiver.calls) == tried + 1

    told.pass_seconds(PROBE_SECONDS)
    await told.send()
    assert len({one.headers["webhook-id"] for one in told.receiver.calls}) == FAILURES + 2


async def test_the_loop_sends_as_soon_as_a_change_is_committed(told: Telling) -> None:
    await told.rig.deliveries.start()
    await told.run()
    await asyncio.wait_for(told.receiver.arrived(2), 5)
    assert told.statuses == ["processing", "succeeded"]


async def test_the_loop_sleeps_until_the_next_try_is_due(told: Telling) -> None:
    told.receiver.statuses = [500]
    await told.run("completed")
    assert await told.rig.deliveries.once() == 60
    await told.rig.deliveries.settled()
    assert 0 < await told.rig.deliveries.once() <= 2


async def test_what_a_dead_server_left_is_sent_by_the_next(tmp_path: Path) -> None:
    async with receiving() as receiver, GuardedPoster(allow=[receiver.place]) as poster:
        async with rig(tmp_path, poster=poster) as first:
            first.worker.join()
            told = Telling(first, receiver)
            waiting = await told.run("completed", target="/waiting")
            receiver.gate = asyncio.Event()
            cut_off = await told.run("completed", target="/cut-off")
            await first.deliveries.once()
            await receiver.arrived(2)
            await first.deliveries.close(0)
            receiver.gate.set()
        receiver.calls.clear()
        receiver.gate = None
        async with rig(tmp_path, poster=poster) as second:
            await second.deliveries.start()
            await asyncio.wait_for(receiver.arrived(2), 5)
            await second.deliveries.close(5)
            assert {one.shown["id"] for one in receiver.calls} == {waiting["id"], cut_off["id"]}
            for made in (waiting, cut_off):
                (kept,) = await Telling(second, receiver).log(made)
                assert kept["state"] == "delivered"


async def test_a_stopping_server_lets_what_is_under_way_end(told: Telling) -> None:
    told.receiver.gate = asyncio.Event()
    made = await told.run("completed")
    await told.rig.deliveries.start()
    await told.receiver.arrived(1)
    closing = asyncio.create_task(told.rig.deliveries.close(5))
    told.receiver.gate.set()
    await closing
    assert [one["state"] for one in await told.log(made)] == ["delivered"]


async def test_what_fails_on_our_side_shuts_no_endpoint(told: Telling) -> None:
    for _ in range(FAILURES):
        await told.run("completed")
    told.change("update predictions set metrics = 'broken'")
    for _ in range(FAILURES):  # two at a time
        await told.send()
    assert told.receiver.calls == []
    told.change("update predictions set metrics = '{}'")
    told.pass_seconds(3)
    await told.send()
    assert len(told.receiver.calls) == FAILURES


async def test_a_prediction_that_cannot_be_shown_is_tried_again(told: Telling) -> None:
    made = await told.run("completed")
    told.change("update predictions set metrics = 'broken'")
    await told.send()
    (kept,) = await told.log(made)
    assert "could not be made" in str(kept["tries"])
    told.change("update predictions set metrics = '{}'")
    told.pass_seconds(2)
    await told.send()
    assert told.statuses == ["succeeded"]


class SlowOutbox(DeliveryTables):
    """An outbox that is being read until a test lets go of it."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.asked, self.go = asyncio.Event(), asyncio.Event()

    async def endpoints(self) -> Sequence[Endpoint]:
        self.asked.set()
        await self.go.wait()
        return await super().endpoints()


async def test_nothing_is_begun_when_the_end_comes_while_the_outbox_is_read(
    told: Telling, tmp_path: Path
) -> None:
    made = await told.run("completed")
    async with open_sqlite(tmp_path / "darkroom.db") as database:
        outbox, rig = SlowOutbox(database), told.rig
        slow = Deliveries(
            outbox=outbox,
            store=rig.store,
            poster=GuardedPoster(),
            spell=nothing,
            secrets=WebhookSecrets(KeyTables(database)),
            clock=rig.clock,
            chance=lambda: 0.5,
        )
        await slow.start()
        await outbox.asked.wait()
        closing = asyncio.create_task(slow.close(5))
        await asyncio.sleep(0)
        outbox.go.set()
        await closing

    (kept,) = await told.log(made)
    assert (kept["state"], kept["tries"]) == ("pending", [])


async def nothing(_prediction: Prediction, _event: WebhookEvent) -> bytes:
    return b""
