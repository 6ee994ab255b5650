"""The door of workers on a real port, and a worker that comes to it, as far as its line goes."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.limits import NO_LIMITS, Limits
from tests.support.rig import Rig, rig
from tests.support.web import serving

from darkroom.protocol import messages as m
from darkroom.store.predictions import PredictionTables
from darkroom.worker.lines import Line
from darkroom.worker.socket_line import SocketConnector


@dataclass
class Peer:
    """A worker as far as its line goes."""

    connector: SocketConnector
    heard: asyncio.Queue[m.ToWorker] = field(default_factory=asyncio.Queue[m.ToWorker])
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    line: Line | None = None

    async def connect(self) -> Line:
        self.gone.clear()
        self.line = await self.connector.connect(self.heard.put_nowait, self.gone.set)
        return self.line

    async def say_hello(self, name: str = "far", protocol: int = m.PROTOCOL, oldest: int = 1
                        ) -> None:  # fmt: skip
        line = await self.connect()
        line.send(m.Hello(protocol, name, 1, "", {"echo-text": 4}, oldest=oldest))

    async def hello(self) -> m.Welcome:
        await self.say_hello()
        welcome = await self.heard.get()
        assert isinstance(welcome, m.Welcome)
        return welcome


@dataclass
class Here:
    rig: Rig
    url: str
    token: str
    key_id: str

    def peer(self, token: str | None = None) -> Peer:
        return Peer(SocketConnector(self.url, token or self.token, silence_seconds=60))

    async def talk(self, *lines: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection that has sent a request of these lines."""
        port = int(self.url.rpartition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write("\r\n".join([*lines, "Host: localhost", "", ""]).encode() if lines else b"")
        return reader, writer


@asynccontextmanager
async def here(
    folder: Path,
    *,
    pool: str = "default",
    limits: Limits = NO_LIMITS,
    ping_seconds: float = 60.0,
    store_class: type[PredictionTables] = PredictionTables,
) -> AsyncGenerator[Here]:
    async with rig(folder, limits=limits, store_class=store_class) as made:
        key, token = await made.keys.create_worker(pool, expires_at=None)
        async with serving(made.app, ping_seconds=ping_seconds) as (url, _web):
            yield Here(made, url, token, key.id)
