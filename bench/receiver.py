"""A webhook receiver that does the least: answers 200 and counts; GET tells how many came."""

import asyncio
import sys
from typing import cast

import uvloop

_OK = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\nconnection: %s\r\n\r\n%s"


class _Receiver(asyncio.Protocol):
    """One connection; bodies are short enough to be kept until they are whole."""

    came = 0

    def __init__(self) -> None:
        self._data = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._data += data
        head, found, body = self._data.partition(b"\r\n\r\n")
        if not found or len(body) < _length(head):
            return
        self._data = b""
        if head.startswith(b"POST"):
            _Receiver.came += 1
        told = str(_Receiver.came).encode()
        closing = b"connection: close" in head.lower()
        assert self._transport is not None
        self._transport.write(_OK % (len(told), b"close" if closing else b"keep-alive", told))
        if closing:
            self._transport.close()


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    return 0


async def main(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(_Receiver, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
