"""Whoever speaks protocol 1, the first, is understood, and understands."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest
from tests.protocol import spoken
from tests.protocol.old import OldLink, golden, lengths
from tests.support.rig import rig as server_rig
from tests.worker import scripted

from darkroom.http.workers import WorkerDoor
from darkroom.protocol import messages as m

UNIONS: list[tuple[Mapping[str, object], object]] = [
    (spoken.TO_SERVER, m.ToServer),
    (spoken.TO_WORKER, m.ToWorker),
    (spoken.TO_HOST, m.ToHost),
    (spoken.FROM_HOST, m.FromHost),
]
SAID = [(name, message, union) for said, union in UNIONS for name, message in said.items()]


@pytest.mark.parametrize(("name", "message", "union"), SAID, ids=[one[0] for one in SAID])
def test_a_message_of_protocol_1_is_read_as_it_was_meant(
    name: str, message: object, union: object
) -> None:
    assert msgspec.msgpack.decode(golden()[name], type=union) == message


@pytest.mark.parametrize(("name", "message", "union"), SAID, ids=[one[0] for one in SAID])
def test_a_message_of_today_begins_as_in_protocol_1(
    name: str, message: object, union: object
) -> None:
    body = msgspec.msgpack.encode(message)

    assert isinstance(msgspec.msgpack.decode(body, type=union), type(message))
    assert msgspec.msgpack.decode(body)[: lengths()[name]] == msgspec.msgpack.decode(golden()[name])


def test_every_message_of_protocol_1_is_among_them() -> None:
    assert golden().keys() == {name for name, _, _ in SAID}


class OldServer(scripted.Server):
    """A server of the release that knew protocol 1 alone."""

    def _connected(self) -> OldLink[m.ToServer]:
        self._link = OldLink(m.ToServer, received=self._received, closed=self.left.set)
        return self._link

    def _received(self, message: m.ToServer) -> None:
        if isinstance(message, m.Hello):
            self.joined.set()
            self.send(m.Welcome(1, self.beat_seconds))
        else:
            super()._received(message)


@pytest.mark.fault(25)
async def test_a_worker_of_today_serves_a_server_that_speaks_protocol_1(tmp_path: Path) -> None:
    async with scripted.rig(tmp_path, server=OldServer(tmp_path / "s", beat_seconds=0.01)) as here:
        heard = await here.server.run(scripted.spec(), {"image": "data:,GIF89a"})
        assert heard.end.outcome == "succeeded"

        await here.server.beat.wait()
        here.worker.drain()
        await here.server.left.wait()
        assert await here.running is True


@pytest.mark.fault(25)
async def test_a_server_of_today_takes_a_worker_that_speaks_protocol_1(tmp_path: Path) -> None:
    heard: asyncio.Queue[m.ToWorker] = asyncio.Queue()
    async with server_rig(tmp_path) as here:
        door = WorkerDoor(here.dispatcher, no_question, silence_seconds=10)
        await door.open(tmp_path / "door")
        link = OldLink[m.ToWorker](m.ToWorker, received=heard.put_nowait, closed=nothing)
        await asyncio.get_running_loop().create_unix_connection(
            lambda: link, str(tmp_path / "door")
        )
        link.send(m.Hello(1, "local-1", 1, "", {"echo-text": 1}))
        assert await heard.get() == m.Welcome(1, 10 / 7)

        asked = {"version": "darkroom/echo-text", "input": {"prompt": "x"}}
        shown = asyncio.create_task(
            here.client.post("/v1/predictions", json=asked, headers={"Prefer": "wait"})
        )
        assert isinstance(await heard.get(), m.Know)
        job = await heard.get()
        assert isinstance(job, m.Job)
        ended = m.Ended("succeeded", None, "{}", 0.1)
        link.send(m.Told(job.id, job.attempt, True, [m.Gave(0, value='"x"')], ended))  # noqa: FBT003
        assert (await shown).json()["status"] == "succeeded"
        link.close()
        await door.close()


@pytest.mark.fault(25)
@pytest.mark.parametrize(("newest", "oldest"), [(9, m.PROTOCOL + 1), (0, 0)])
async def test_who_speaks_no_protocol_of_ours_is_put_out_with_words(
    tmp_path: Path, newest: int, oldest: int, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = asyncio.Event()
    async with server_rig(tmp_path) as here:
        door = WorkerDoor(here.dispatcher, no_question, silence_seconds=10)
        await door.open(tmp_path / "door")
        link = scripted.Link[m.ToWorker](m.ToWorker, received=nothing, closed=gone.set)
        loop = asyncio.get_running_loop()
        await loop.create_unix_connection(lambda: link, str(tmp_path / "door"))
        link.send(m.Hello(newest, "local-1", 1, "", {}, oldest))

        await gone.wait()

        assert not here.dispatcher.seats
        told = f"speaks protocols {oldest} to {newest}, this server 1 to {m.PROTOCOL}"
        assert told in capsys.readouterr().out
        await door.close()


def nothing(*_heard: object) -> None:
    """Nobody looks."""


async def no_question(question: m.Ask) -> m.Answer:
    raise AssertionError(question)
