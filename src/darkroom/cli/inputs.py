"""`-i key=value` becomes the input of a prediction, typed by the version's schema."""

import base64
import json
import mimetypes
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import cast

from darkroom.domain.errors import InvalidSetting
from darkroom.domain.model import Json

_BOOLEANS = {"true": True, "false": False}


def read_inputs(pairs: Sequence[str], schema: Mapping[str, Json]) -> dict[str, Json]:
    """Turn `key=value` texts into an input.

    Args:
        pairs: as given. `key=@path` reads a file, where the schema wants a file.
        schema: the version's `openapi_schema`.

    Raises:
        InvalidSetting: no `=`, no such input, the wrong type, a file that cannot be read, or a
            file's path without its `@`.
    """
    fields = _fields(schema)
    given: dict[str, Json] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals:
            raise InvalidSetting(f"-i {pair[:80]}: write it as key=value")
        if name not in fields:
            raise InvalidSetting(f"-i {name[:80]}: no such input; there are {', '.join(fields)}")
        given[name] = _value(name, text, fields[name])
    return given


def gives_files(schema: Mapping[str, Json]) -> bool:
    """Whether the version's outputs are files rather than text."""
    output = _inner(schema, "components", "schemas", "Output")
    items = output.get("items", output)
    return isinstance(items, Mapping) and items.get("format") == "uri"


def _fields(schema: Mapping[str, Json]) -> dict[str, Mapping[str, Json]]:
    schemas = _inner(schema, "components", "schemas")
    properties = _inner(schemas, "Input", "properties")
    found: dict[str, Mapping[str, Json]] = {}
    for name in properties:
        shape = _inner(properties, name)
        found[name] = {**_choices(shape, schemas), **shape}
    return found


def _choices(field: Mapping[str, Json], schemas: Mapping[str, Json]) -> Mapping[str, Json]:
    """The shape behind `allOf: [{"$ref": "#/components/schemas/…"}]`, as inputs with choices have.

    Source: replicate/cog, the `openapi.json` it generates.
    """
    for part in cast("Sequence[Mapping[str, str]]", field.get("allOf") or ()):
        return _inner(schemas, part.get("$ref", "").rpartition("/")[2])
    return {}


def _value(name: str, text: str, field: Mapping[str, Json]) -> Json:
    kind = field.get("type")
    if kind == "string":
        return _file(name, text) if field.get("format") == "uri" else text
    readers: Mapping[str, Callable[[str], Json]] = {
        "integer": int,
        "number": float,
        "boolean": lambda word: _BOOLEANS[word.lower()],
    }
    try:
        return readers[kind](text) if isinstance(kind, str) and kind in readers else _guess(text)
    except (ValueError, KeyError):
        raise InvalidSetting(f"-i {name}: {text[:80]!r} is no {kind}") from None


def _guess(text: str) -> Json:
    try:
        return cast("Json", json.loads(text))
    except ValueError:
        return text


def _file(name: str, text: str) -> str:
    if text.startswith("@"):
        return _data_url(name, Path(text[1:]).expanduser())
    if os.path.isfile(os.path.expanduser(text)):  # says no where pathlib raises: long data: URLs
        raise InvalidSetting(f"-i {name}: did you mean `-i {name}=@{text}`?")
    return text


def _data_url(name: str, path: Path) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InvalidSetting(f"-i {name}: cannot read {path} ({error.strerror})") from None
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def _inner(value: Mapping[str, Json], *path: str) -> Mapping[str, Json]:
    for name in path:
        inner = value.get(name)
        value = inner if isinstance(inner, Mapping) else {}
    return value
