"""The least a server can do: one canned answer. What the load generator itself costs.

`python -m bench.bare PORT` answers every request as if it had echoed the 10 kB picture.
"""

import asyncio
import json
import sys
from typing import cast

import uvloop

from bench.picture_bytes import SMALL_BYTES, data_url, noise_png


class Canned(asyncio.Protocol):
    def __init__(self, answer: bytes) -> None:
        self._answer = answer
        self._transport: asyncio.Transport | None = None
        self._got = 0
        self._length = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if not self._got:
            self._length = _length(data)
        self._got += len(data)
        if self._got >= self._length and self._transport is not None:
            self._got = 0
            self._transport.write(self._answer)


def _length(data: bytes) -> int:
    head = data.index(b"\r\n\r\n")
    at = data.find(b"content-length: ", 0, head)
    if at < 0:
        return head + 4
    return head + 4 + int(data[at + 16 : data.index(b"\r\n", at)])


def _answer() -> bytes:
    picture = data_url(noise_png(SMALL_BYTES))
    prediction = {"status": "succeeded", "input": {"image": picture}, "output": picture}
    body = json.dumps(prediction, separators=(",", ":")).encode()
    return b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body) + body


async def serve(port: int) -> None:
    answer = _answer()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Canned(answer), "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
