"""What a request asks for: its body within limits, and the headers that steer a creation."""

import asyncio
import math
import re
from datetime import datetime

import msgspec
from starlette.requests import ClientDisconnect, Request

from darkroom.domain.model import Json
from darkroom.http.problems import MalformedRequest

BODY_SECONDS = 30.0
_MOST_SECONDS = 60
_PREFER = re.compile(r"(?:^|[,;\s])wait(?:=(?P<seconds>\d+(?:\.\d+)?))?(?=$|[,;\s])")
_SPAN = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s?)?")
_SHORTEST_MS = 5_000
_TOO_DEEP = "Failed to parse request body as JSON: it is nested too deeply"


async def body(request: Request, limit_bytes: int) -> bytes:
    """The whole body, within the limit and within 30 seconds.

    Raises:
        MalformedRequest: too large (413), too slow (408) or cut off (400).
    """
    data = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                data += chunk
                if len(data) > limit_bytes:
                    raise MalformedRequest(
                        f"The request body is longer than {limit_bytes} bytes. "
                        "Send pictures as URLs instead.",
                        status=413,
                    )
    except TimeoutError:
        raise MalformedRequest("The request body took too long to arrive.", status=408) from None
    except ClientDisconnect:
        raise MalformedRequest("The request was cut off.") from None
    return bytes(data)


def json(data: bytes) -> Json:
    """A JSON document.

    Raises:
        MalformedRequest: it is none.
    """
    try:
        return msgspec.json.decode(data)
    except RecursionError:
        raise MalformedRequest(_TOO_DEEP) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        told = "EOF" if not data or "truncated" in str(error) else str(error)
        raise MalformedRequest(f"Failed to parse request body as JSON: {told}") from None


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
        _MOST_SECONDS if asked is None else max(1, min(math.ceil(float(asked)), _MOST_SECONDS))
    )
    return seconds - 1.0 if seconds > 1 else 0.5


def cancel_after_ms(header: str | None) -> int | None:
    """The span of a `Cancel-After` header, such as `30`, `90s`, `1h30m`; None without one.

    Raises:
        MalformedRequest: not a span, or shorter than five seconds (422).
    """
    if header is None:
        return None
    matched = _SPAN.fullmatch(header.strip())
    hours, minutes, seconds = (
        (int(part or 0) for part in matched.groups()) if matched else (0, 0, 0)
    )
    span = ((hours * 60 + minutes) * 60 + seconds) * 1000
    if span < _SHORTEST_MS:
        raise MalformedRequest(
            "Cancel-After must be a duration of at least 5 seconds, such as 30s, 5m or 1h30m.",
            status=422,
        )
    return span


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
