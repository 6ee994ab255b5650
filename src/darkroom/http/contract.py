"""The published contract: one OpenAPI document, kept by hand, that says what we serve."""

from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import cast

import msgspec

from darkroom.domain.model import Json

METHODS = frozenset({"get", "post", "put", "patch", "delete", "query"})


@cache
def document() -> bytes:
    """The document as it is sent: JSON without spaces."""
    text = files("darkroom.http").joinpath("openapi.json").read_bytes()
    return msgspec.json.format(text, indent=-1)


@cache
def parsed() -> Mapping[str, Json]:
    """The document as a value."""
    return cast("Mapping[str, Json]", msgspec.json.decode(document()))


def mount(item: Mapping[str, Json]) -> str:
    """Where a path item is served first: `/v1`, or nothing for the root."""
    servers = item.get("servers", parsed()["servers"])
    return cast("Sequence[Mapping[str, str]]", servers)[0]["url"].rstrip("/")
