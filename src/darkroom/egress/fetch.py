"""GET through the guard: small files for inputs, large ones for weights.

Nothing of ours goes along: no cookie, no Referer, no credential but the headers a caller names,
and those only to the host they were meant for. The environment's proxy variables are not read.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from types import TracebackType
from typing import IO, Self
from weakref import WeakValueDictionary

import httpcore2
import httpx2
import structlog

from darkroom import __version__
from darkroom.domain.errors import (
    EgressDenied,
    FilesUnavailable,
    InputUnusable,
    WeightsUnavailable,
)
from darkroom.egress.allow import AllowList
from darkroom.egress.answers import (
    AnswerUnusable,
    addressed,
    covers,
    length,
    must_be_file,
    onward,
    resumed_at,
)
from darkroom.egress.guard import CONNECT_SECONDS, Resolver, guarded_pool, resolve_by_system
from darkroom.ports.files import Fetcher

FETCH_HOPS = 3
DOWNLOAD_HOPS = 5
FETCHES_PER_HOST = 4
FETCHES_IN_ALL = 16
WRITE_BYTES = 2**20

_NO_ANSWER = "it cannot be reached or did not answer in time"
_TROUBLE = (
    TimeoutError,
    OSError,
    httpcore2.TimeoutException,
    httpcore2.NetworkError,
    httpcore2.ProtocolError,
    httpcore2.UnsupportedProtocol,
)
_ALWAYS = {
    "User-Agent": f"darkroom/{__version__}",
    "Accept": "*/*",
    "Accept-Encoding": "identity",
    "Connection": "close",
}


class GuardedFetcher(Fetcher):
    """The one door out; an async context manager.

    Args:
        allow: entries of the operator's list; see `AllowList.parse`.
        resolve: from a name to addresses, blocking.
        network: what dials the addresses that were judged; the system's by default.
        fetch_seconds: how long one `fetch` may take, waiting for its turn excepted.
        stall_seconds: how long a `download` may stay silent.

    Raises:
        InvalidSetting: an entry of *allow* makes no sense.
    """

    def __init__(
        self,
        *,
        allow: Sequence[str] = (),
        resolve: Resolver = resolve_by_system,
        network: httpcore2.AsyncNetworkBackend | None = None,
        fetch_seconds: float = 20.0,
        stall_seconds: float = 30.0,
    ) -> None:
        self._opening = guarded_pool(AllowList.parse(allow), resolve, network)
        self._fetch_seconds = fetch_seconds
        self._stall_seconds = stall_seconds
        self._everyone = asyncio.Semaphore(FETCHES_IN_ALL)
        self._hosts = WeakValueDictionary[str, asyncio.Semaphore]()

    async def __aenter__(self) -> Self:
        """Load the system's certificates and open the (empty) pool."""
        self._pool = await self._opening.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close what is open; lookups that hang are left to their threads."""
        await self._opening.__aexit__(kind, error, trace)

    async def fetch(self, url: str, *, limit_bytes: int) -> bytes:
        """GET a small file; see the port. At most 4 at once per host and 16 in all."""
        try:
            here = addressed(url)
        except AnswerUnusable as error:
            raise InputUnusable(f"could not fetch the file: {error}") from error
        subject = f"could not fetch the file at {_host(here)}"
        try:
            async with asyncio.timeout(self._fetch_seconds) as deadline:
                return await self._read(here, limit_bytes, deadline)
        except EgressDenied as error:
            raise EgressDenied(f"{subject}: {error}") from error
        except AnswerUnusable as error:
            raise InputUnusable(f"{subject}: {error}") from error
        except _TROUBLE as error:
            _log_trouble(here, error)
            raise InputUnusable(f"{subject}: {_NO_ANSWER}") from error

    async def download(
        self,
        url: str,
        to: Path,
        *,
        headers: Mapping[str, str],
        progress: Callable[[int, int | None], None],
    ) -> None:
        """GET a large file; see the port."""
        try:
            here = addressed(url)
        except AnswerUnusable as error:
            raise WeightsUnavailable(f"could not download: {error}") from error
        subject = f"could not download {_host(here)}{here.path}"
        try:
            await self._continue(here, to, headers, progress)
        except EgressDenied as error:
            raise EgressDenied(f"{subject}: {error}") from error
        except AnswerUnusable as error:
            raise WeightsUnavailable(f"{subject}: {error}", status=error.status) from error
        except _TROUBLE as error:
            _log_trouble(here, error)
            raise WeightsUnavailable(f"{subject}: {_NO_ANSWER}") from error

    async def _read(self, here: httpx2.URL, limit_bytes: int, deadline: asyncio.Timeout) -> bytes:
        async with self._answer(here, {}, {}, FETCH_HOPS, deadline) as response:
            must_be_file(response)
            too_large = AnswerUnusable(f"it is larger than {limit_bytes:,} bytes")
            if (length(response) or 0) > limit_bytes:
                raise too_large
            body = bytearray()
            async for piece in response.aiter_stream():
                body += piece
                if len(body) > limit_bytes:
                    raise too_large
            return bytes(body)

    async def _continue(
        self,
        here: httpx2.URL,
        to: Path,
        secrets: Mapping[str, str],
        progress: Callable[[int, int | None], None],
    ) -> None:
        have = await asyncio.to_thread(_present, to)
        span = {"Range": f"bytes={have}-"} if have else {}
        async with self._answer(here, span, secrets, DOWNLOAD_HOPS) as response:
            if have and response.status == 416:
                if covers(response, have):
                    progress(have, have)
                    return
            else:
                start = resumed_at(response, have)
                await _save(response, to, start, progress)
                return
        with _local():
            await asyncio.to_thread(to.unlink)
        await self._continue(here, to, secrets, progress)

    @asynccontextmanager
    async def _answer(
        self,
        here: httpx2.URL,
        headers: Mapping[str, str],
        secrets: Mapping[str, str],
        hops: int,
        deadline: asyncio.Timeout | None = None,
    ) -> AsyncGenerator[httpcore2.Response]:
        silence = self._stall_seconds if deadline is None else self._fetch_seconds
        times = {"connect": CONNECT_SECONDS, "read": silence, "write": silence, "pool": silence}
        for _ in range(hops + 1):
            async with (
                self._turn(here, deadline),
                self._pool.stream(
                    "GET",
                    str(here),
                    headers={**_ALWAYS, **headers, **secrets},
                    extensions={"timeout": times},
                ) as response,
            ):
                target = onward(here, response)
                if target is None:
                    yield response
                    return
            same = (target.scheme, target.raw_host, target.port)
            if same != (here.scheme, here.raw_host, here.port):
                secrets = {}
            here = target
        raise AnswerUnusable(f"it redirects more than {hops} times")

    @asynccontextmanager
    async def _turn(
        self, here: httpx2.URL, deadline: asyncio.Timeout | None
    ) -> AsyncGenerator[None]:
        when = None if deadline is None else deadline.when()
        if deadline is None or when is None:
            yield
            return
        clock = asyncio.get_running_loop()
        left = when - clock.time()
        name = _host(here).rstrip(".")  # with and without its dot it is the same host
        queue = self._hosts.setdefault(name, asyncio.Semaphore(FETCHES_PER_HOST))
        deadline.reschedule(None)
        # The host's permit first: who waits for a slow host must not keep others from theirs.
        async with queue, self._everyone:
            deadline.reschedule(clock.time() + left)
            yield


async def _save(
    response: httpcore2.Response,
    to: Path,
    start: int,
    progress: Callable[[int, int | None], None],
) -> None:
    expected = length(response)
    total = None if expected is None else start + expected
    file = await asyncio.to_thread(_opened, to, start)
    held, done = bytearray(), start
    try:
        async for piece in response.aiter_stream():
            held += piece
            done += len(piece)
            if len(held) >= WRITE_BYTES:
                full, held = held, bytearray()
                await asyncio.to_thread(_written, file, full)
                progress(done, total)
    finally:
        _closed(file, held)
    progress(done, total)


@contextmanager
def _local() -> Generator[None]:
    """Tell a fault of this machine's disk apart from one of the network."""
    try:
        yield
    except OSError as error:
        raise FilesUnavailable(error.strerror or type(error).__name__) from error


def _present(to: Path) -> int:
    with _local():
        return to.stat().st_size if to.exists() else 0


def _opened(to: Path, start: int) -> IO[bytes]:
    with _local():
        file = to.open("r+b" if start else "wb")
        file.seek(start)
        return file


def _written(file: IO[bytes], data: bytearray) -> None:
    with _local():
        file.write(data)


def _closed(file: IO[bytes], rest: bytearray) -> None:
    with _local(), file:
        file.write(rest)


def _host(url: httpx2.URL) -> str:
    return url.raw_host.decode("ascii")


def _log_trouble(here: httpx2.URL, error: Exception) -> None:
    structlog.get_logger().info("egress.failed", host=_host(here), reason=repr(error))
