"""A request for pictures, read from JSON or from a form with files."""

import asyncio
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.types import Message, Receive

from darkroom.domain.model import Json
from darkroom.http import reading
from darkroom.http.headers import OCTETS
from darkroom.http.multipart import FORM, Pace, Part, pieces
from darkroom.http.openai.refusals import Refusal
from darkroom.service import data_urls
from darkroom.service.images import MASK, ImageRequest

MOST_FILES = 16
_MOST_FIELDS = 64
_FIELD_BYTES = 2**20  # of all fields but the files together
_PIECE_BYTES = 256 * 1024  # looked at, or encoded, before somebody else has a turn
_PICTURES = re.compile(r"images?(?:\[\d*\])?")
_TYPE = re.compile(r"[a-z]+/[a-z0-9.+-]{1,64}")
_NOT_INPUTS = frozenset({"model", "n", "size", "response_format", "stream", "user", MASK})
FORMATS = ("url", "b64_json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a request wants: of which model, `as_base64` or as addresses. `data` is its body."""

    model: str | None
    as_base64: bool
    wanted: ImageRequest
    data: bytes


async def read(request: Request, *, limit_bytes: int, seconds: float) -> Asked:
    """Read a request's body, whichever of the two forms it has.

    Raises:
        MalformedRequest: it cannot be read at all.
        Refusal: a field has the wrong form.
    """
    data = await reading.body(request, limit_bytes, seconds=seconds)
    if request.headers.get("content-type", "").lower().startswith(FORM):
        return _asked(await _form(request, data), data)
    document = reading.json(data)
    if not isinstance(document, Mapping):
        raise Refusal(400, "The request body must be a JSON object.")
    return _asked(list(_plain(document)), data)


def _plain(document: Mapping[str, Json]) -> Iterator[tuple[str, Json]]:
    """The fields of a JSON body, each picture a field of its own."""
    for name, value in document.items():
        if isinstance(value, list) and _PICTURES.fullmatch(name):
            for one in value:
                yield name, _address(one)
        elif value is not None:
            yield name, _address(value)


def _address(value: Json) -> Json:
    """An `{"image_url": …}` of the newer form is its address."""
    return value.get("image_url", value) if isinstance(value, Mapping) else value


async def _form(request: Request, data: bytes) -> Sequence[tuple[str, Json]]:
    """The fields of a form whose bytes are all there, files as data: URLs."""
    parts: list[tuple[Part, list[bytes]]] = []
    files = fields = field_bytes = 0
    again = Request(request.scope, _given(data))
    async for piece in pieces(again, Pace(), len(data), ""):
        if isinstance(piece, Part):
            parts.append((piece, []))
            files += piece.filename is not None
            fields += piece.filename is None
        else:
            part, gathered = parts[-1]
            gathered.append(piece)
            field_bytes += len(piece) if part.filename is None else 0
        if files > MOST_FILES or fields > _MOST_FIELDS or field_bytes > _FIELD_BYTES:
            raise Refusal(
                400,
                f"A form has at most {MOST_FILES} files, and {_MOST_FIELDS} other fields of "
                f"{_FIELD_BYTES} bytes together.",
            )
    return [(part.name, await _value(part, b"".join(gathered))) for part, gathered in parts]


def _given(data: bytes) -> Receive:
    """*data* as if it came anew, with a turn for others between its pieces."""
    at = 0

    async def receive() -> Message:
        nonlocal at
        await asyncio.sleep(0)
        piece, at = data[at : at + _PIECE_BYTES], at + _PIECE_BYTES
        return {"type": "http.request", "body": piece, "more_body": at < len(data)}

    return receive


async def _value(part: Part, data: bytes) -> str:
    if part.filename is None:
        return data.decode("utf-8", "replace")
    if not data:
        raise Refusal(400, f"The file {part.name} is empty.", param=part.name.partition("[")[0])
    told = (part.content_type or "").lower()
    kind = told if _TYPE.fullmatch(told) else OCTETS
    if len(data) <= _PIECE_BYTES:
        return data_urls.encode(kind, data)
    return await asyncio.to_thread(data_urls.encode, kind, data)


def _asked(fields: Sequence[tuple[str, Json]], data: bytes) -> Asked:
    named = {name: value for name, value in fields if not _PICTURES.fullmatch(name)}
    if named.get("stream") in (True, "true", "1"):
        words = "Streaming of pictures is not supported here. Leave `stream` out."
        raise Refusal(400, words, param="stream")
    answer = _text(named, "response_format") or FORMATS[0]
    if answer not in FORMATS:
        words = f"response_format must be one of: {', '.join(FORMATS)}."
        raise Refusal(400, words, param="response_format")
    wanted = ImageRequest(
        count=_count(named.get("n")),
        size=_text(named, "size"),
        pictures=[_picture(name, value) for name, value in fields if _PICTURES.fullmatch(name)],
        mask=_text(named, MASK),
        other={name: value for name, value in named.items() if name not in _NOT_INPUTS},
    )
    return Asked(
        model=_text(named, "model"), as_base64=answer == FORMATS[1], wanted=wanted, data=data
    )


def _text(named: Mapping[str, Json], name: str) -> str | None:
    value = named.get(name)
    if value is None or isinstance(value, str):
        return value or None
    raise Refusal(400, f"{name} must be a string.", param=name)


def _picture(name: str, value: Json) -> str:
    if isinstance(value, str):
        return value
    raise Refusal(400, f"{name} must be a file, an address or a list of them.", param="image")


def _count(value: Json) -> int | None:
    if isinstance(value, str) and value.isdecimal():
        return int(value[:4])
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    raise Refusal(400, "n must be a whole number.", param="n")
