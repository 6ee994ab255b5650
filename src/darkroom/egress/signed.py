"""PUT and GET at addresses that the server has signed: the worker's way to a bucket.

An address names its host, and comes from our own server: that host and port are allowed by it,
though private, and no other. One that names no host is the server's own. Redirects are not
followed. The environment's proxy variables are not read.
"""

import asyncio
import base64
import hashlib
import re
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Self

import httpcore2
import httpx2
import structlog

from darkroom import __version__
from darkroom.domain.errors import EgressDenied, FileMissing, FilesUnavailable
from darkroom.egress.allow import AllowList, entry_for
from darkroom.egress.answers import AnswerUnusable, addressed
from darkroom.egress.guard import CONNECT_SECONDS, GuardedBackend, Resolver, resolve_by_system
from darkroom.ports.buckets import SignedFiles

PIECE_BYTES = 256 * 1024
FILE_BYTES = 128 * 2**20
"""An upload is 100 MiB at most, an output less."""
SLOWEST_BYTES = 64 * 1024
"""A second; a bucket that is slower is as good as silent."""
REQUESTS_AT_ONCE = 16
_IDLE_SECONDS = 20.0
_LARGE_BYTES = 2**20
_ANSWER_BYTES = 4096
_STORED = frozenset({200, 201, 204})
_MISSING = frozenset({404, 410})
_ALREADY_THERE = 412
_CODE = re.compile(rb"<Code>([A-Za-z]{1,60})</Code>")
_TIMES_OUT = (TimeoutError, httpcore2.TimeoutException)
_BREAKS = (OSError, httpcore2.NetworkError, httpcore2.ProtocolError)
_ALWAYS = {"User-Agent": f"darkroom/{__version__}", "Accept-Encoding": "identity"}


class SignedDoor(SignedFiles):
    """The door to buckets; an async context manager. Nothing is opened before it is needed.

    Args:
        server: the address of our own server, for a worker that comes from elsewhere.
        resolve: from a name to addresses, blocking.
        network: what dials the addresses that were judged; the system's by default.
        stall_seconds: how long a bucket may stay silent.
        slack_seconds: how long a request may take beside the time that its bytes may take.
        retry_seconds: how long to wait after each failure to get a file.
    """

    def __init__(
        self,
        server: str | None = None,
        *,
        resolve: Resolver = resolve_by_system,
        network: httpcore2.AsyncNetworkBackend | None = None,
        stall_seconds: float = 30.0,
        slack_seconds: float = 60.0,
        retry_seconds: Sequence[float] = (0.1, 0.5, 2.0),
    ) -> None:
        self._server = server.rstrip("/") if server else ""
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="resolve-files")
        self._resolve = resolve
        self._network = network
        self._stall_seconds = stall_seconds
        self._slack_seconds = slack_seconds
        self._retry_seconds = retry_seconds
        self._pools: dict[str, httpcore2.AsyncConnectionPool] = {}
        self._opening = asyncio.Lock()

    async def __aenter__(self) -> Self:
        """Open nothing yet."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close what is open; lookups that hang are left to their threads."""
        for pool in self._pools.values():
            await pool.aclose()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def put(self, url: str, data: bytes) -> None:
        """Store *data* unless there is something; see the port. One try: whoever asks tries again.

        The digest goes along, so that the bucket refuses bytes that were damaged on the way.
        """
        digest = await asyncio.to_thread(_md5, data) if len(data) > _LARGE_BYTES else _md5(data)
        headers = {
            "Content-Type": "application/octet-stream",
            "Content-Length": str(len(data)),
            "Content-MD5": digest,
            "If-None-Match": "*",
        }
        limit = self._slack_seconds + len(data) / SLOWEST_BYTES
        async with self._answer("PUT", url, limit, headers, _pieces(data)) as response:
            if response.status not in {*_STORED, _ALREADY_THERE}:
                raise FilesUnavailable(await _reason(response))

    async def get(self, url: str) -> bytes:
        """All bytes of a file; see the port. Tried again a few times."""
        for pause in self._retry_seconds:
            try:
                return await self._got(url)
            except FilesUnavailable:
                await asyncio.sleep(pause)
        return await self._got(url)

    async def _got(self, url: str) -> bytes:
        limit = self._slack_seconds + FILE_BYTES / SLOWEST_BYTES
        async with self._answer("GET", url, limit, {}, None) as response:
            if response.status in _MISSING:
                raise FileMissing("the file is not stored here")
            if response.status not in _STORED:
                raise FilesUnavailable(await _reason(response))
            body = bytearray()
            async for piece in response.aiter_stream():
                body += piece
                if len(body) > FILE_BYTES:
                    raise FilesUnavailable("the file store sends more than any file has")
            return bytes(body)

    @asynccontextmanager
    async def _answer(
        self,
        method: str,
        url: str,
        limit_seconds: float,
        headers: Mapping[str, str],
        body: AsyncIterator[bytes] | None,
    ) -> AsyncGenerator[httpcore2.Response]:
        times = dict.fromkeys(("read", "write", "pool"), self._stall_seconds)
        try:
            here = addressed(f"{self._server}{url}" if url.startswith("/") else url)
            pool = await self._pool(here)
            async with (
                asyncio.timeout(limit_seconds),
                pool.stream(
                    method,
                    str(here),
                    headers={**_ALWAYS, **headers},
                    content=body,
                    extensions={"timeout": {**times, "connect": CONNECT_SECONDS}},
                ) as response,
            ):
                yield response
        except (AnswerUnusable, EgressDenied) as error:
            raise FilesUnavailable(f"the file store cannot be spoken to: {error}") from error
        except _TIMES_OUT as error:
            _log_trouble(url, error)
            raise FilesUnavailable("the file store did not answer in time") from error
        except _BREAKS as error:
            _log_trouble(url, error)
            raise FilesUnavailable(
                "the file store cannot be reached, or broke off the connection"
            ) from error

    async def _pool(self, here: httpx2.URL) -> httpcore2.AsyncConnectionPool:
        entry = entry_for(str(here))
        async with self._opening:
            pool = self._pools.get(entry)
            if pool is None:
                guard = GuardedBackend(
                    AllowList.parse([entry]), self._resolve, self._threads, self._network
                )
                pool = self._pools[entry] = httpcore2.AsyncConnectionPool(
                    ssl_context=await asyncio.to_thread(httpcore2.default_ssl_context),
                    max_connections=REQUESTS_AT_ONCE,
                    max_keepalive_connections=REQUESTS_AT_ONCE,
                    keepalive_expiry=_IDLE_SECONDS,
                    network_backend=guard,
                )
            return pool


def _md5(data: bytes) -> str:
    return base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()


async def _pieces(data: bytes) -> AsyncIterator[bytes]:
    view = memoryview(data)
    for at in range(0, len(data), PIECE_BYTES):
        yield bytes(view[at : at + PIECE_BYTES])


async def _reason(response: httpcore2.Response) -> str:
    begin = b""
    async for piece in response.aiter_stream():
        begin += piece
        if len(begin) >= _ANSWER_BYTES:
            break
    code = _CODE.search(begin)
    named = f" ({code[1].decode()})" if code else ""
    return f"the file store answered HTTP {response.status}{named}"


def _log_trouble(url: str, error: Exception) -> None:
    host = httpx2.URL(url).raw_host.decode("ascii")
    structlog.get_logger().info("files.failed", host=host, reason=repr(error))
