"""A webhook's receiver that is not there for an hour."""

import asyncio
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import cast

import pytest
from tests.support.receiver import Receiver
from tests.support.rig import rig
from tests.support.telling import Telling

from darkroom.egress.webhooks import GuardedPoster

HOUR_SECONDS = 3600
STEP_SECONDS = 60


def deaf_port() -> int:
    """A port of the loopback on which nobody listens."""
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        return int(free.getsockname()[1])


@asynccontextmanager
async def returned(receiver: Receiver) -> AsyncGenerator[None]:
    """The receiver listens again, until the block ends."""
    server = await asyncio.start_server(receiver.answer, "127.0.0.1", receiver.port)
    async with server:
        yield
        server.close()


@pytest.mark.fault(23)
async def test_a_receiver_that_was_down_for_an_hour_is_told_once_it_is_back(tmp_path: Path) -> None:
    receiver = Receiver(port=deaf_port())
    async with (
        GuardedPoster(allow=[receiver.place]) as poster,
        rig(tmp_path, poster=poster) as made,
    ):
        made.worker.join()
        told = Telling(made, receiver)
        ended = await told.run("completed")
        for _ in range(HOUR_SECONDS // STEP_SECONDS):
            await told.send()
            told.pass_seconds(STEP_SECONDS)
        (before,) = await told.log(ended)
        async with returned(receiver):
            told.pass_seconds(2 * HOUR_SECONDS)  # the next try is due by then
            await told.send()
        (after,) = await told.log(ended)

    assert before["state"] == "pending"
    assert after["state"] == "delivered"
    tries = cast("list[dict[str, object]]", after["tries"])
    assert len(tries) > 5
    assert [one["status"] for one in tries] == [None] * (len(tries) - 1) + [200]
    (call,) = receiver.calls
    assert call.headers["webhook-id"] == before["id"] == after["id"]
    assert call.shown["status"] == "succeeded"
