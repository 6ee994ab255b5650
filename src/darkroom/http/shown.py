"""A prediction as its page needs it, read from the JSON that the API shows of it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import unquote, urlsplit

from darkroom.domain.model import Json
from darkroom.domain.prediction import NEXT, Status
from darkroom.domain.progress import Bar, parse
from darkroom.http.markup import is_picture_data
from darkroom.service.data_urls import SCHEME, is_data_url

PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".gif")
_TYPE_LENGTH = 100
_LINES = re.compile(r"[\r\n]+")


class Media(StrEnum):
    """What a string of an input or output stands for."""

    PICTURE = "picture"  # may be shown in place: its bytes are ours or inside the URL
    LINK = "link"  # an address elsewhere, or a file of ours that is no picture
    DATA = "data"  # a data: URL of anything else
    TEXT = "text"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One prediction, every field of the right type whatever the JSON held."""

    id: str
    model: str
    version: str
    status: str
    input: Mapping[str, Json]
    output: Sequence[Json]
    text: bool
    logs: str
    error: str | None
    metrics: Mapping[str, Json]
    created_at: str
    started_at: str
    completed_at: str
    data_removed: bool
    stream: str | None

    @property
    def live(self) -> bool:
        """Whether something can still happen to it."""
        return self.status in set(Status) and bool(NEXT[Status(self.status)])

    @property
    def progress(self) -> Bar | None:
        """The bar of the last tqdm-shaped line of the log, while the run goes on."""
        return progress_of(self.logs) if self.status == Status.PROCESSING else None


def shown(wire: Mapping[str, Json]) -> Shown:
    """Read the JSON of `GET /predictions/{id}`."""
    stream = _text(_mapping(wire.get("urls")).get("stream")) or None
    return Shown(
        id=_text(wire.get("id")),
        model=_text(wire.get("model")),
        version=_text(wire.get("version")),
        status=_text(wire.get("status")),
        input=_mapping(wire.get("input")),
        output=_items(wire.get("output")),
        text=stream is not None and "/v1/streams/" in stream,
        logs=_text(wire.get("logs")),
        error=_text(wire.get("error")) or None,
        metrics=_mapping(wire.get("metrics")),
        created_at=_text(wire.get("created_at")),
        started_at=_text(wire.get("started_at")),
        completed_at=_text(wire.get("completed_at")),
        data_removed=wire.get("data_removed") is True,
        stream=stream,
    )


def progress_of(logs: str) -> Bar | None:
    """The last bar of a log; a carriage return ends a line as well."""
    return next(filter(None, map(parse, reversed(_LINES.split(logs)))), None)


def media_of(text: str, *, origin: str) -> Media:
    """Say what *text* stands for; a page shows pictures of its own *origin* alone."""
    if is_data_url(text) and "," in text:
        return Media.PICTURE if is_picture_data(text) else Media.DATA
    if not text.startswith(("http://", "https://")) or _LINES.search(text):
        return Media.TEXT
    name = file_name(text).lower()
    # Inputs that became files of ours have no suffix; those of the others are told by it.
    picture = "." not in name or name.endswith(PICTURE_SUFFIXES)
    return Media.PICTURE if text.startswith(f"{origin}/files/") and picture else Media.LINK


def file_name(url: str) -> str:
    """The last part of a URL's path, or `file`."""
    try:
        path = urlsplit(url).path
    except ValueError:
        return "file"
    return unquote(path.rsplit("/", 1)[-1]) or "file"


def data_summary(url: str) -> str:
    """Describe a `data:` URL in place of printing it: its type and rough size."""
    kind = url[len(SCHEME) : _TYPE_LENGTH].partition(",")[0].partition(";")[0]
    size = len(url) * 3 // 4 // 1024
    return f"{kind or 'data'}, about {max(size, 1)} kB"


def _text(value: Json) -> str:
    return value if isinstance(value, str) else ""


def _mapping(value: Json) -> Mapping[str, Json]:
    return value if isinstance(value, Mapping) else {}


def _items(value: Json) -> Sequence[Json]:
    if value is None:
        return ()
    return value if isinstance(value, Sequence) and not isinstance(value, str) else (value,)
