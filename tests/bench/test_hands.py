"""The bench's simulated workers do what real ones do, whatever carries their messages."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from bench.durability.hands import Fleet, Line
from tests.support.rig import rig

from darkroom.protocol.messages import PROTOCOL, Beat, Hello, Told, ToWorker, Welcome
from darkroom.service.dispatch import Dispatcher
from darkroom.service.seats import Seat

TEXT = {"version": "darkroom/echo-text", "input": {"prompt": "hello"}}


class _Hand:
    """A line that is none: it calls the dispatcher."""

    def __init__(self, dispatcher: Dispatcher, received: Callable[[ToWorker], None]) -> None:
        self._dispatcher = dispatcher
        self._received = received
        self._seat: Seat | None = None

    def send(self, message: object) -> None:
        match message:
            case Hello():
                self._seat = self._dispatcher.join(message, self._take, self.close)
                self._received(Welcome(PROTOCOL, 60.0))
            case Told() if self._seat is not None:
                self._dispatcher.told(self._seat, message)
            case Beat() if self._seat is not None:
                self._dispatcher.beat(self._seat, message)
            case _:
                raise AssertionError(message)

    def _take(self, message: object) -> None:
        self._received(message)  # pyright: ignore[reportArgumentType]  # a seat is sent nothing else

    def close(self) -> None:
        if self._seat is not None:
            self._dispatcher.leave(self._seat)


async def test_a_simulated_worker_runs_what_it_is_given(tmp_path: Path) -> None:
    async with rig(tmp_path) as server:

        async def carriage(received: Callable[[ToWorker], None]) -> Line:
            return _Hand(server.dispatcher, received)

        fleet = Fleet(run_seconds=0.0)
        await fleet.join(carriage, 2)
        answers = [await server.client.post("/v1/predictions", json=TEXT) for _ in range(3)]
        ids = [answer.json()["id"] for answer in answers]
        while fleet.ended < len(ids):  # noqa: ASYNC110  # nothing is signaled at that moment
            await asyncio.sleep(0)
        await server.settled()
        shown = [await server.get(id_) for id_ in ids]
        fleet.leave()
    assert [(one["status"], one["output"]) for one in shown] == [("succeeded", ["done"])] * 3
    assert set(fleet.came) == set(ids)
    assert fleet.repeated == 0


async def test_a_simulated_worker_stops_when_it_is_told_to(tmp_path: Path) -> None:
    async with rig(tmp_path) as server:

        async def carriage(received: Callable[[ToWorker], None]) -> Line:
            return _Hand(server.dispatcher, received)

        fleet = Fleet(run_seconds=3600.0)
        await fleet.join(carriage, 1)
        id_ = (await server.client.post("/v1/predictions", json=TEXT)).json()["id"]
        while id_ not in fleet.came:  # noqa: ASYNC110  # nothing is signaled at that moment
            await asyncio.sleep(0)
        await server.client.post(f"/v1/predictions/{id_}/cancel")
        assert fleet.ended == 1
        assert server.dispatcher.held == set()
        fleet.leave()
