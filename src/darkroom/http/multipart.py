"""Bodies of kind multipart/form-data, told piece by piece as they arrive; nothing is gathered."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from darkroom.http.problems import MalformedRequest

FORM = "multipart/form-data"
_MOST_HEADERS = 8
_HEADER_BYTES = 4096
_CUT_OFF = "The request was cut off."


@dataclass(frozen=True, slots=True)
class Part:
    """The beginning of a part; its bytes follow until the next part begins."""

    name: str
    filename: str | None
    content_type: str | None


Piece: TypeAlias = Part | bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How long a body may take to arrive.

    What counts is the time we wait for the client. After `grace_seconds` it must have sent
    `bytes_per_second` on average since.
    """

    seconds: float = 300.0
    grace_seconds: float = 10.0
    bytes_per_second: int = 64 * 1024

    def left(self, waited: float, received: int) -> float:
        """For how many seconds the next bytes may be waited for."""
        return min(self.seconds, self.grace_seconds + received / self.bytes_per_second) - waited


async def pieces(
    request: Request, pace: Pace, limit_bytes: int, too_long: str
) -> AsyncGenerator[Piece]:
    """The parts of a form and their bytes, in the order in which they come.

    Args:
        request: its body has not been read.
        pace: how slowly it may come.
        limit_bytes: how long it may be.
        too_long: what a longer body is told.

    Raises:
        MalformedRequest: not a form, broken or cut off (400), too long (413), too slow (408).
    """
    form = _Form(request.headers.get("content-type", ""))
    async for data in arriving(request, pace, limit_bytes, too_long):
        for piece in form.read(data):
            yield piece
    if not form.ended:
        raise MalformedRequest(_CUT_OFF)


async def arriving(
    request: Request, pace: Pace, limit_bytes: int, too_long: str
) -> AsyncGenerator[bytes]:
    """A body as it comes, whatever it is.

    Args:
        request: its body has not been read.
        pace: how slowly it may come.
        limit_bytes: how long it may be.
        too_long: what a longer body is told.

    Raises:
        MalformedRequest: cut off (400), too long (413), too slow (408).
    """
    if _announced(request) > limit_bytes:
        raise MalformedRequest(too_long, status=413)
    received, waited, loop, more = 0, 0.0, asyncio.get_running_loop(), True
    while more:
        since = loop.time()
        data, more = await _next(request, pace.left(waited, received))
        waited += loop.time() - since
        received += len(data)
        if received > limit_bytes:
            raise MalformedRequest(too_long, status=413)
        yield data


async def _next(request: Request, seconds: float) -> tuple[bytes, bool]:
    try:
        async with asyncio.timeout(seconds):
            message = await request.receive()
    except TimeoutError:
        raise MalformedRequest("The request body took too long to arrive.", status=408) from None
    if message["type"] == "http.disconnect":
        raise MalformedRequest(_CUT_OFF)
    return message.get("body", b""), bool(message.get("more_body"))


def _announced(request: Request) -> int:
    text = request.headers.get("content-length", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0


class _Form:
    """The push parser of python-multipart, turned into pieces."""

    def __init__(self, content_type: str) -> None:
        kind, options = parse_options_header(content_type)
        boundary = options.get(b"boundary", b"")
        if kind != FORM.encode() or not boundary:
            raise MalformedRequest(f"The request body must be {FORM}, with a boundary.")
        self.ended = False
        self._found: list[Piece] = []
        self._field = self._value = b""
        self._headers: dict[bytes, bytes] = {}
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._begin,
                    "on_header_field": self._add_field,
                    "on_header_value": self._add_value,
                    "on_header_end": self._header,
                    "on_headers_finished": self._part,
                    "on_part_data": self._data,
                    "on_end": self._end,
                },
                max_header_count=_MOST_HEADERS,
                max_header_size=_HEADER_BYTES,
            )
        except FormParserError as error:
            raise _unread(error) from None

    def read(self, data: bytes) -> Sequence[Piece]:
        """What *data* adds.

        Raises:
            MalformedRequest: it makes no sense.
        """
        try:
            self._parser.write(data)
        except FormParserError as error:
            raise _unread(error) from None
        found, self._found = self._found, []
        return found

    def _begin(self) -> None:
        self._headers = {}

    def _add_field(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]

    def _add_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header(self) -> None:
        self._headers[self._field.lower()] = self._value
        self._field = self._value = b""

    def _part(self) -> None:
        _kind, said = parse_options_header(self._headers.get(b"content-disposition"))
        if b"name" not in said:
            raise MalformedRequest("A part of the form has no name.")
        filename, kind = said.get(b"filename"), self._headers.get(b"content-type")
        self._found.append(
            Part(
                _text(said[b"name"]),
                None if filename is None else _text(filename),
                None if kind is None else _text(kind),
            )
        )

    def _data(self, data: bytes, start: int, end: int) -> None:
        self._found.append(data[start:end])

    def _end(self) -> None:
        self.ended = True


def _unread(error: FormParserError) -> MalformedRequest:
    return MalformedRequest(f"Failed to parse request body as {FORM}: {error}")


def _text(value: bytes) -> str:
    """A parameter as clients spell it: UTF-8, a quote and line ends as percent codes.

    Source: HTML Standard, "Multipart form data".
    """
    text = value.decode("utf-8", "replace")
    return text.replace("%22", '"').replace("%0D", "\r").replace("%0A", "\n")
