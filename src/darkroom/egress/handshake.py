"""Closes a connection whose TLS handshake is given up, which the client library forgets to do."""

import ssl

import httpcore2


class ClosingStream(httpcore2.AsyncNetworkStream):
    """A stream that leaves no socket open when whoever waits for its handshake is cancelled.

    The library closes it after an error, but a deadline around the request is a cancellation:
    a host that never greets would keep a socket until the next collection of garbage.
    """

    def __init__(self, below: httpcore2.AsyncNetworkStream) -> None:
        """Take over *below*; it is closed through this stream alone."""
        self._below = below

    async def read(
        self,
        max_bytes: int,
        timeout: float | None = None,  # noqa: ASYNC109  # httpcore2's signature
    ) -> bytes:
        """Pass on."""
        return await self._below.read(max_bytes, timeout)

    async def write(
        self,
        buffer: bytes,
        timeout: float | None = None,  # noqa: ASYNC109  # httpcore2's signature
    ) -> None:
        """Pass on."""
        await self._below.write(buffer, timeout)

    async def aclose(self) -> None:
        """Pass on."""
        await self._below.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109  # httpcore2's signature
    ) -> httpcore2.AsyncNetworkStream:
        """Greet; the connection is closed whatever keeps that from ending well."""
        try:
            return await self._below.start_tls(ssl_context, server_hostname, timeout)
        except BaseException:
            await self.aclose()
            raise

    def get_extra_info(self, info: str) -> object:
        """Pass on."""
        return self._below.get_extra_info(info)
