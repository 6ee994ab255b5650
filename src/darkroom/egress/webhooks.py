"""POST of webhooks through the guard: signed, within limits, and without following anything.

Nothing of ours goes along but the signature. The environment's proxy variables are not read.

Source: the Standard Webhooks specification, "Verifying signatures".
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Self

import httpcore2
import httpx2
from standardwebhooks import Webhook

from darkroom import __version__
from darkroom.domain.errors import EgressDenied
from darkroom.egress.allow import AllowList
from darkroom.egress.answers import AnswerUnusable, addressed
from darkroom.egress.guard import CONNECT_SECONDS, Resolver, guarded_pool, resolve_by_system
from darkroom.ports.webhooks import Answered, Message, Poster, Reply, Unanswered, Undeliverable

TOTAL_SECONDS = 15.0
BODY_SECONDS = 2.0
ANSWER_BYTES = 64 * 1024
KEPT_BYTES = 512

_TROUBLE = (
    OSError,
    httpcore2.TimeoutException,
    httpcore2.NetworkError,
    httpcore2.ProtocolError,
)


class GuardedPoster(Poster):
    """The door out for webhooks; an async context manager.

    Args:
        allow: entries of the operator's list; see `AllowList.parse`.
        resolve: from a name to addresses, blocking.
        network: what dials the addresses that were judged; the system's by default.
        total_seconds: how long the head of an answer may take to come.
        body_seconds: how long its body is listened to after that.
        now: Unix seconds, for receivers that say until when to wait.

    Raises:
        InvalidSetting: an entry of *allow* makes no sense.
    """

    def __init__(
        self,
        *,
        allow: Sequence[str] = (),
        resolve: Resolver = resolve_by_system,
        network: httpcore2.AsyncNetworkBackend | None = None,
        total_seconds: float = TOTAL_SECONDS,
        body_seconds: float = BODY_SECONDS,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._opening = guarded_pool(AllowList.parse(allow), resolve, network)
        self._total_seconds = total_seconds
        self._body_seconds = body_seconds
        self._now = now

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

    async def post(self, message: Message) -> Reply:
        """Sign and send; see the port."""
        try:
            here = addressed(message.url)
        except AnswerUnusable as error:
            return Undeliverable(f"{error}")
        try:
            async with asyncio.timeout(self._total_seconds) as deadline:
                return await self._answer(here, message, deadline)
        except EgressDenied as error:
            return Undeliverable(f"{error}")
        except TimeoutError:
            return Unanswered(f"it did not answer within {self._total_seconds:g} seconds")
        except _TROUBLE as error:
            return Unanswered(f"it cannot be reached ({type(error).__name__})")

    async def _answer(
        self, here: httpx2.URL, message: Message, deadline: asyncio.Timeout
    ) -> Answered:
        limits = dict.fromkeys(("read", "write", "pool"), self._total_seconds)
        async with self._pool.stream(
            "POST",
            str(here),
            headers=_headers(message),
            content=message.body,
            extensions={"timeout": {**limits, "connect": CONNECT_SECONDS}},
        ) as response:
            deadline.reschedule(None)  # it has answered: its body decides nothing any more
            begin = await _begin(response, self._body_seconds)
            return Answered(response.status, _text(begin), self._retry_after(response))

    def _retry_after(self, response: httpcore2.Response) -> float | None:
        """Seconds or a date, as RFC 9110 section 10.2.3 has it; None for anything else."""
        found = [value for name, value in response.headers if name.lower() == b"retry-after"]
        text = found[0].decode("latin-1").strip() if found else ""
        if text.isascii() and text.isdigit():
            return float(text[:9])
        try:
            moment = parsedate_to_datetime(text)
        except (ValueError, OverflowError):  # the latter from numbers no date has
            return None
        return max(0.0, moment.replace(tzinfo=moment.tzinfo or UTC).timestamp() - self._now())


async def _begin(response: httpcore2.Response, seconds: float) -> bytes:
    """The begin of an answer's body, as much as comes in a moment."""
    begin, left = b"", ANSWER_BYTES
    with suppress(*_TROUBLE):
        async with asyncio.timeout(seconds):
            async for piece in response.aiter_stream():
                begin += piece[: KEPT_BYTES - len(begin)]
                left -= len(piece)
                if left <= 0:
                    break
    return begin


def _headers(message: Message) -> Sequence[tuple[str, str]]:
    signed = Webhook(message.secret).sign(
        message.id, datetime.fromtimestamp(message.at, UTC), message.body.decode()
    )
    return [
        ("User-Agent", f"darkroom/{__version__}"),
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(message.body))),
        ("Accept", "*/*"),
        ("Accept-Encoding", "identity"),
        ("Connection", "close"),
        ("webhook-id", message.id),
        ("webhook-timestamp", str(message.at)),
        ("webhook-signature", signed),
    ]


def _text(begin: bytes) -> str:
    """The begin of an answer as text that any database takes."""
    return begin.decode("utf-8", "replace").replace("\0", "\N{REPLACEMENT CHARACTER}")
