"""The fields that describe an uploaded file, in every spelling that clients use."""

import re
import unicodedata
from collections.abc import Sequence

import msgspec

from darkroom.domain.model import Json
from darkroom.domain.prediction import JsonText
from darkroom.http import reading
from darkroom.http.headers import OCTETS
from darkroom.http.multipart import Part
from darkroom.http.problems import MalformedRequest

CONTENT = "content"
NAME_BYTES = 255
MOST_FIELDS = 8
MOST_METADATA = 64
FIELD_BYTES = 64 * 1024  # of all fields but the content together

_METADATA = "metadata"
_NO_OBJECT = "The field `metadata` must be a JSON object."
_BRACKETED = re.compile(r"metadata((?:\[[^\[\]]{0,256}\]){1,8})")
_KEY = re.compile(r"\[([^\[\]]*)\]")
_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+-]{1,127}/[A-Za-z0-9!#$&^_.+-]{1,127}(?:;[ -~]{0,200})?")
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})


class UploadForm:
    """What a form says of the file it carries.

    Metadata comes as a text field or a file part that holds a JSON object, or as one text field
    a value: `metadata[camera][lens]`, a list as `metadata[tags][]`.

    Source: what replicate-python 1.x and 2.x, replicate-javascript and replicate-go send.
    """

    def __init__(self) -> None:
        self._content: Part | None = None
        self._field: str | None = None
        self._texts: dict[str, bytes] = {}
        self._bracketed: list[tuple[str, bytes]] = []
        self._gathered = 0

    def begin(self, part: Part) -> bool:
        """A part begins; True if it is the content.

        Raises:
            MalformedRequest: there are two contents, or too many fields.
        """
        if part.name == CONTENT:
            if self._content is not None:
                raise MalformedRequest("The form has more than one part named `content`.")
            self._content = part
            return True
        self._field = part.name
        if _BRACKETED.fullmatch(part.name):
            self._bracketed.append((part.name, b""))
        else:
            self._texts[part.name] = b""
        if len(self._texts) > MOST_FIELDS or len(self._bracketed) > MOST_METADATA:
            raise MalformedRequest("The form has too many fields.")
        return False

    def add(self, data: bytes) -> None:
        """Bytes of the field that has begun.

        Raises:
            MalformedRequest: the fields are too long (413).
        """
        self._gathered += len(data)
        if self._gathered > FIELD_BYTES:
            raise MalformedRequest(
                f"The fields beside `content` are longer than {FIELD_BYTES} bytes together.",
                status=413,
            )
        if self._bracketed and self._bracketed[-1][0] == self._field:
            name, sofar = self._bracketed[-1]
            self._bracketed[-1] = (name, sofar + data)
        elif self._field is not None:
            self._texts[self._field] += data

    @property
    def name(self) -> str:
        """What the file is called: no path, nothing invisible, at most 255 bytes of UTF-8."""
        given = self._text("filename") or (self._content and self._content.filename) or ""
        last = re.split(r"[/\\]", given)[-1]
        seen = "".join(one for one in last if unicodedata.category(one) not in _UNSEEN).strip()
        short = seen.encode("utf-8", "ignore")[:NAME_BYTES].decode("utf-8", "ignore")
        return "file" if short in ("", ".", "..") else short

    @property
    def content_type(self) -> str:
        """What the client says it is; unnamed bytes if that is no media type."""
        given = self._text("type") or (self._content and self._content.content_type) or ""
        return given if _TYPE.fullmatch(given) else OCTETS

    def metadata(self) -> JsonText:
        """The metadata as one JSON object.

        Raises:
            MalformedRequest: it is none, or two fields want the same place.
        """
        text = self._texts.get(_METADATA, b"")
        try:
            tree: Json = reading.json(text) if text.strip() else {}
        except MalformedRequest:
            raise MalformedRequest(_NO_OBJECT) from None
        if not isinstance(tree, dict):
            raise MalformedRequest(_NO_OBJECT)
        for name, value in self._bracketed:
            path = [match[1] for match in _KEY.finditer(name.removeprefix(_METADATA))]
            _put(tree, path, value.decode("utf-8", "replace"))
        return JsonText(msgspec.json.encode(tree).decode())

    def _text(self, name: str) -> str:
        return self._texts.get(name, b"").decode("utf-8", "replace").strip()


def _put(tree: dict[str, Json], path: Sequence[str], value: str) -> None:
    *way, last = path
    listed = not last and bool(way)
    if listed:
        *way, last = way
    inner: Json = tree
    for key in way:
        inner = _level(inner).setdefault(key, {})
    level = _level(inner)
    if listed:
        values = level.setdefault(last, [])
        if not isinstance(values, list):
            raise _twice(last)
        values.append(value)
    elif last in level:
        raise _twice(last)
    else:
        level[last] = value


def _level(inner: Json) -> dict[str, Json]:
    if not isinstance(inner, dict):
        raise MalformedRequest("Two fields of the metadata want the same place.")
    return inner


def _twice(key: str) -> MalformedRequest:
    return MalformedRequest(f"The metadata has {key[:80]!r} twice.")
