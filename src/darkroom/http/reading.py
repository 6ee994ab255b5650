"""What a request asks for: its body within limits, and the headers that steer a creation."""

import asyncio
import math
import re
from collections.abc import Iterable
from datetime import datetime

import msgspec
from starlette.requests import Request
from starlette.types import Receive

from darkroom.domain.model import Json
from darkroom.http.problems import MalformedRequest

BODY_SECONDS = 30.0
ARRIVED = "darkroom.arrived"  # key of a scope whose whole body lies ready, so that no clock is set
DEEPEST = 64
_MOST_SECONDS = 60
_PREFER = re.compile(r"(?:^|[,;\s])wait(?:=(?P<seconds>\d+(?:\.\d+)?))?(?=$|[,;\s])")
_SPAN = re.compile(r"(?:(\d{1,9})h)?(?:(\d{1,9})m)?(?:(\d{1,9})s?)?")
_PRIORITY = re.compile(r"[+-]?(?:0?\d|10)", re.ASCII)
_SHORTEST_MS = 5_000
_LONGEST_MS = 30 * 24 * 3600 * 1000
_TOO_DEEP = "Failed to parse request body as JSON: it is nested too deeply"


async def body(request: Request, limit_bytes: int, *, seconds: float = BODY_SECONDS) -> bytes:
    """The whole body, within the limit and within *seconds*.

    Raises:
        MalformedRequest: too large (413), too slow (408) or cut off (400).
    """
    if request.scope.get(ARRIVED):
        return await _whole(request.receive, limit_bytes)
    try:
        async with asyncio.timeout(seconds):
            return await _whole(request.receive, limit_bytes)
    except TimeoutError:
        raise MalformedRequest("The request body took too long to arrive.", status=408) from None


async def _whole(receive: Receive, limit_bytes: int) -> bytes:
    data = bytearray()
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise MalformedRequest("The request was cut off.")
        piece: bytes = message.get("body", b"")
        more = bool(message.get("more_body"))
        if len(data) + len(piece) > limit_bytes:
            raise MalformedRequest(
                f"The request body is longer than {limit_bytes} bytes. "
                "Send pictures as URLs instead.",
                status=413,
            )
        if not more and not data:
            return piece
        data += piece
    return bytes(data)


def json(data: bytes) -> Json:
    """A JSON document.

    Raises:
        MalformedRequest: it is none, or nested deeper than 64 arrays and objects.
    """
    try:
        value = msgspec.json.decode(data)
    except RecursionError:
        raise MalformedRequest(_TOO_DEEP) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        told = "EOF" if not data or "truncated" in str(error) else str(error)
        raise MalformedRequest(f"Failed to parse request body as JSON: {told}") from None
    # Hardly any body has so many brackets that they could nest too deeply.
    if data.count(b"[") + data.count(b"{") > DEEPEST and _deeper(value, DEEPEST):
        raise MalformedRequest(_TOO_DEEP)
    return value


def _deeper(value: Json, most: int) -> bool:
    """Whether *value* has more than *most* arrays and objects inside each other."""
    level = [value]
    for _ in range(most):
        level = [part for one in level for part in _parts(one) if isinstance(part, dict | list)]
        if not level:
            return False
    return True


def _parts(value: Json) -> Iterable[Json]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def wait_seconds(header: str | None) -> float | None:
    """How long to hold a creation's answer under this `Prefer` header; None for not at all.

    Any number is taken: 1 to 60 counts. The answer leaves a second before the client's own
    timer ends, half a second before it where only one second was asked for.
    """
    matched = _PREFER.search(header) if header else None
    if matched is None:
        return None
    asked = matched["seconds"]
    seconds = (
        _MOST_SECONDS if asked is None else max(1, math.ceil(min(float(asked), _MOST_SECONDS)))
    )
    return seconds - 1.0 if seconds > 1 else 0.5


def cancel_after_ms(header: str | None) -> int | None:
    """The span of a `Cancel-After` header, such as `30`, `90s`, `1h30m`; None without one.

    Raises:
        MalformedRequest: not a span, shorter than five seconds, or longer than 30 days (422).
    """
    if header is None:
        return None
    matched = _SPAN.fullmatch(header.strip())
    hours, minutes, seconds = (
        (int(part or 0) for part in matched.groups()) if matched else (0, 0, 0)
    )
    span = ((hours * 60 + minutes) * 60 + seconds) * 1000
    if not _SHORTEST_MS <= span <= _LONGEST_MS:
        raise MalformedRequest(
            "Cancel-After must be a duration from 5 seconds to 30 days, such as 30s, 5m or 1h30m.",
            status=422,
        )
    return span


def priority(header: str | None) -> int | None:
    """The number in a `Darkroom-Priority` header, -10 to 10; None without one.

    Raises:
        MalformedRequest: it is something else (422).
    """
    if header is None:
        return None
    if not _PRIORITY.fullmatch(header.strip()):
        raise MalformedRequest(
            "Darkroom-Priority must be a whole number from -10 to 10, and not above what its owner "
            "has.",
            status=422,
        )
    return int(header)


def instant_ms(name: str, text: str | None) -> int | None:
    """An ISO 8601 query parameter as Unix milliseconds; without an offset it is UTC.

    Raises:
        MalformedRequest: it is none.
    """
    if text is None:
        return None
    try:
        # In a query an unescaped plus sign arrives as a space.
        moment = datetime.fromisoformat(text.replace(" ", "+") if "T" in text else text)
    except ValueError:
        raise MalformedRequest(f"{name} must be an ISO 8601 date and time") from None
    aware = moment if moment.tzinfo else datetime.fromisoformat(f"{moment.isoformat()}+00:00")
    return int(aware.timestamp() * 1000)
