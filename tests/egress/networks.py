"""Networks for tests that note where a connection meant to go, and send it elsewhere."""

from collections.abc import Iterable
from typing import cast

import httpcore2


class Detour(httpcore2.AsyncNetworkBackend):
    """Dials loopback at *port*, whatever is asked for; the guard above it judges as ever.

    So a test needs neither port 80 nor an address on the internet, and what is dialled is known
    even where nothing could answer.
    """

    def __init__(self, port: int) -> None:
        self.port = port
        self.dialled: list[tuple[str, int]] = []
        self._real = cast("httpcore2.AsyncNetworkBackend", httpcore2.AnyIOBackend())

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  # httpcore2's signature
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        self.dialled.append((host, port))
        return await self._real.connect_tcp(
            "127.0.0.1", self.port, timeout, local_address, socket_options
        )


class Silence(Detour):
    """A network in which every packet is dropped: no connection is refused, none is made."""

    def __init__(self) -> None:
        super().__init__(0)

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002, ASYNC109  # httpcore2's signature
        local_address: str | None = None,  # noqa: ARG002
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,  # noqa: ARG002
    ) -> httpcore2.AsyncNetworkStream:
        self.dialled.append((host, port))
        raise httpcore2.ConnectTimeout
