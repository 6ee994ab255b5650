"""A receiver of webhooks on loopback, which keeps what comes and answers as it is told."""

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import cast

PHRASE = "X"


@dataclass(frozen=True)
class Call:
    """One request: method, target, lower-case headers, body, and when it came."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    at: float

    @property
    def shown(self) -> dict[str, object]:
        """The body as JSON."""
        return cast("dict[str, object]", json.loads(self.body))


@dataclass
class Receiver:
    """Where it listens, what came, and what it answers: statuses in turn, then 200 for ever."""

    port: int = 0
    calls: list[Call] = field(default_factory=list[Call])
    statuses: list[int] = field(default_factory=list[int])
    headers: dict[str, str] = field(default_factory=dict[str, str])
    body: bytes = b"thanks"
    gate: asyncio.Event | None = None  # whoever calls waits for it
    open: int = 0  # calls that wait now
    most_open: int = 0
    came: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def place(self) -> str:
        return f"127.0.0.1:{self.port}"

    def url(self, target: str = "/hook") -> str:
        return f"http://{self.place}{target}"

    async def arrived(self, count: int) -> None:
        """Wait until *count* calls have come in all."""
        while len(self.calls) < count:
            self.came.clear()
            await self.came.wait()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            self.calls.append(await _call(reader))
            status = self.statuses.pop(0) if self.statuses else 200
            self.came.set()
            await self._held()
            lines = {"content-length": str(len(self.body)), "connection": "close", **self.headers}
            head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
            writer.write(f"HTTP/1.1 {status} {PHRASE}\r\n{head}\r\n".encode() + self.body)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _held(self) -> None:
        if self.gate is None:
            return
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        try:
            await self.gate.wait()
        finally:
            self.open -= 1


@asynccontextmanager
async def receiving() -> AsyncGenerator[Receiver]:
    """Receive until the block ends."""
    receiver = Receiver()
    server = await asyncio.start_server(receiver.answer, "127.0.0.1", 0)
    receiver.port = server.sockets[0].getsockname()[1]
    async with server:
        yield receiver
        server.close()


async def _call(reader: asyncio.StreamReader) -> Call:
    lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in lines[1:] if line)
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    method, target, _ = lines[0].split(" ")
    return Call(method, target, headers, body, asyncio.get_running_loop().time())
