"""A thousand open event streams: how long an event takes to reach each of its listeners.

The event is the end of a prediction that is canceled: the clock runs from before the request
to cancel until a listener has read `done`, so that it includes the commit.
"""

import asyncio
import json
import time
from typing import TypeAlias
from urllib.parse import urlsplit

import uvloop

from bench.contenders import KEY, darkroom_recipe
from bench.figures import Figure, quantile, ratio_at_most
from bench.servers import Running, running

STREAMS = 1000
PREDICTIONS = 20
LONG_MS = 60_000

_Stream: TypeAlias = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def figures() -> list[Figure]:
    with running(darkroom_recipe("streams")) as server:
        alone = uvloop.run(_delays(server, PREDICTIONS, 1))
        crowd = uvloop.run(_delays(server, PREDICTIONS, STREAMS // PREDICTIONS))
    name = f"event to client, {STREAMS} open streams"
    baseline = 1e3 * quantile(alone, 0.5)
    return [
        ratio_at_most(
            f"{name}: {label}", 1e3 * quantile(crowd, share), "ms", baseline=baseline, goal=None
        )
        for label, share in (("p50", 0.5), ("p99", 0.99))
    ]


async def _delays(server: Running, predictions: int, listeners: int) -> list[float]:
    """Seconds from cancel to `done`, of each listener of each prediction; all streams are open."""
    shown = [await _created(server.port) for _ in range(predictions)]
    followed = [
        [await _opened(server.port, one["urls"]["stream"]) for _ in range(listeners)]
        for one in shown
    ]
    delays: list[float] = []
    for one, streams in zip(shown, followed, strict=True):
        ends = [asyncio.create_task(_done_at(reader)) for reader, _writer in streams]
        began = time.perf_counter()
        await _asked(server.port, "POST", f"/v1/predictions/{one['id']}/cancel")
        delays += [await end - began for end in ends]
    return delays


async def _created(port: int) -> dict[str, dict[str, str]]:
    body = {"input": {"prompt": "wait for it", "ms": LONG_MS}}
    return await _asked(port, "POST", "/v1/models/darkroom/echo-text/predictions", body)


async def _opened(port: int, url: str) -> _Stream:
    """A stream whose head has come; a writer that is let go would close it."""
    reader, writer = await _sent(port, "GET", urlsplit(url).path, b"")
    assert b" 200 " in await reader.readline()
    return reader, writer


async def _done_at(reader: asyncio.StreamReader) -> float:
    await reader.readuntil(b"event: done\n")
    return time.perf_counter()


async def _asked(
    port: int, method: str, path: str, body: object = None
) -> dict[str, dict[str, str]]:
    data = b"" if body is None else json.dumps(body).encode()
    reader, writer = await _sent(port, method, path, data)
    answer = await reader.read()
    writer.close()
    head, _, told = answer.partition(b"\r\n\r\n")
    assert head[9:10] == b"2", answer[:400]
    return json.loads(told)


async def _sent(port: int, method: str, path: str, data: bytes) -> _Stream:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    lines = (
        f"{method} {path} HTTP/1.1",
        f"Host: 127.0.0.1:{port}",
        f"Authorization: Bearer {KEY}",
        "Content-Type: application/json",
        f"Content-Length: {len(data)}",
        "Connection: close",
        "",
        "",
    )
    writer.write("\r\n".join(lines).encode() + data)
    return reader, writer
