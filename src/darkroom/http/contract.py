"""The published contract: one OpenAPI document, kept by hand, that says what we serve.

It lies in `openapi/`, a file for each noun: `paths` and `components` of all of them are put
together; `base.json` says the rest.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import cast

import msgspec

from darkroom.domain.model import Json

METHODS = frozenset({"get", "post", "put", "patch", "delete", "x-query"})
"""Keys of a path item that describe an operation; OpenAPI 3.1 has no word for QUERY."""

_BASE = "base.json"


@cache
def document() -> bytes:
    """The document as it is sent: JSON without spaces."""
    return msgspec.json.encode(parsed())


@cache
def parsed() -> Mapping[str, Json]:
    """The document as a value.

    Raises:
        ValueError: two files describe the same thing.
    """
    folder = files("darkroom.http").joinpath("openapi")
    names = sorted(one.name for one in folder.iterdir() if one.name.endswith(".json"))
    parts = {name: _part(folder.joinpath(name).read_bytes()) for name in names}
    paths: dict[str, Json] = {}
    components: dict[str, dict[str, Json]] = {}
    for name, part in parts.items():
        _add(paths, part.paths, name)
        for section, described in part.components.items():
            _add(components.setdefault(section, {}), described, f"{name}: {section}")
    base = cast("Mapping[str, Json]", msgspec.json.decode(folder.joinpath(_BASE).read_bytes()))
    return {**base, "paths": paths, "components": components}


def schema(name: str) -> Mapping[str, Json]:
    """The published schema of that name, always the same object."""
    components = cast("Mapping[str, Mapping[str, Mapping[str, Json]]]", parsed()["components"])
    return components["schemas"][name]


class _Part(msgspec.Struct, frozen=True):
    """What one file adds; `base.json` holds everything else besides."""

    paths: dict[str, object] = {}
    components: dict[str, dict[str, object]] = {}


_part = msgspec.json.Decoder(_Part).decode


def _add(into: dict[str, Json], described: Mapping[str, object], where: str) -> None:
    twice = into.keys() & described.keys()
    if twice:
        raise ValueError(f"{where}: described twice: {', '.join(sorted(twice))}")
    into.update(cast("Mapping[str, Json]", described))


def mount(item: Mapping[str, Json]) -> str:
    """Where a path item is served first: `/v1`, or nothing for the root."""
    servers = item.get("servers", parsed()["servers"])
    return cast("Sequence[Mapping[str, str]]", servers)[0]["url"].rstrip("/")
