"""A request for pictures, read from JSON or from a form with files."""

import re
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from dataclasses import dataclass

from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from darkroom.domain.model import Json
from darkroom.http import reading
from darkroom.http.headers import OCTETS
from darkroom.http.multipart import FORM
from darkroom.http.openai.refusals import Refusal
from darkroom.service import data_urls
from darkroom.service.images import MASK, ImageRequest

MOST_FILES = 16
_MOST_FIELDS = 64
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
    parser = MultiPartParser(
        request.headers, _once(data), max_files=MOST_FILES, max_fields=_MOST_FIELDS
    )
    parser.spool_max_size = len(data) + 1  # the whole body is in memory as it is
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise Refusal(400, f"The form cannot be read: {error.message}") from error
    try:
        return await _fields(form)
    finally:
        await form.close()


async def _once(data: bytes) -> AsyncGenerator[bytes]:
    yield data


async def _fields(form: FormData) -> Sequence[tuple[str, Json]]:
    fields: list[tuple[str, Json]] = []
    for name, value in form.multi_items():
        text = await _uploaded(name, value) if isinstance(value, UploadFile) else value
        fields.append((name, text))
    return fields


async def _uploaded(name: str, file: UploadFile) -> str:
    data = await file.read()
    if not data:
        raise Refusal(400, f"The file {name} is empty.", param=name.partition("[")[0])
    told = (file.content_type or "").lower()
    return data_urls.encode(told if _TYPE.fullmatch(told) else OCTETS, data)


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
