"""A plain HTTP server on loopback that counts what reaches it."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Request:
    """What a client sent: target and lower-case headers."""

    target: str
    headers: Mapping[str, str]


Answer = Callable[[Request, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Loopback:
    """The server's address and what it has seen so far."""

    port: int
    accepted: int = 0
    requests: list[Request] = field(default_factory=list[Request])

    @property
    def place(self) -> str:
        return f"127.0.0.1:{self.port}"

    def url(self, target: str = "/") -> str:
        return f"http://{self.place}{target}"


@asynccontextmanager
async def serving(answer: Answer, *, host: str = "127.0.0.1") -> AsyncGenerator[Loopback]:
    """Serve one request per connection until the block ends."""
    seen = Loopback(0)

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.accepted += 1
        try:
            request = await _request(reader)
            seen.requests.append(request)
            await answer(request, writer)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(connected, host, 0)
    seen.port = server.sockets[0].getsockname()[1]
    async with server:
        yield seen
        server.close()


def reply(
    writer: asyncio.StreamWriter, body: bytes, *, status: int = 200, **headers: object
) -> None:
    """Write a whole answer; `content_type=…` becomes `content-type: …`."""
    lines = {"content-length": len(body), "connection": "close"}
    named = {key.replace("_", "-"): value for key, value in headers.items()}
    head = "".join(f"{key}: {value}\r\n" for key, value in {**lines, **named}.items())
    writer.write(f"HTTP/1.1 {status} X\r\n{head}\r\n".encode() + body)


async def ignored(request: Request, writer: asyncio.StreamWriter) -> None:
    """Answer everything with a few bytes."""
    reply(writer, b"reached " + request.target.encode())


async def _request(reader: asyncio.StreamReader) -> Request:
    lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in lines[1:] if line)
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    return Request(lines[0].split(" ")[1], headers)
