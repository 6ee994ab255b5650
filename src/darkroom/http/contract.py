"""The published contract: one OpenAPI document, kept by hand, that says what we serve."""

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import cast

import msgspec
from starlette.routing import BaseRoute, Mount, Route

from darkroom.domain.model import Json

METHODS = frozenset({"get", "post", "put", "patch", "delete", "query"})
_PARAMETER = re.compile(r"\{[^}]*\}")


@cache
def document() -> bytes:
    """The document as it is sent: JSON without spaces."""
    text = files("darkroom.http").joinpath("openapi.json").read_bytes()
    return msgspec.json.format(text, indent=-1)


@cache
def parsed() -> Mapping[str, Json]:
    """The document as a value."""
    return cast("Mapping[str, Json]", msgspec.json.decode(document()))


def operations() -> list[tuple[str, str]]:
    """Every operation as method and full path, at the first address it is served at.

    What is served at `/v1` is also served at `/replicate/v1`; the edge sees to it, no route.
    """
    paths = cast("Mapping[str, Mapping[str, Json]]", parsed()["paths"])
    return [
        (method.upper(), mount(item) + path)
        for path, item in paths.items()
        for method in item
        if method in METHODS
    ]


def mount(item: Mapping[str, Json]) -> str:
    """Where a path item is served first: `/v1`, or nothing for the root."""
    servers = item.get("servers", parsed()["servers"])
    return cast("Sequence[Mapping[str, str]]", servers)[0]["url"].rstrip("/")


def differences(routes: Iterable[BaseRoute]) -> list[str]:
    """Where *routes* and the document disagree, one sentence each; parameter names do not count."""
    served = {(method, _shape(path)) for method, path in served_by(routes)}
    described = {(method, _shape(path)) for method, path in operations()}
    return [
        *(f"{how} {path} is served but not described" for how, path in sorted(served - described)),
        *(f"{how} {path} is described but not served" for how, path in sorted(described - served)),
    ]


def served_by(routes: Iterable[BaseRoute], prefix: str = "") -> list[tuple[str, str]]:
    """Method and full path of every HTTP route, HEAD left out."""
    found: list[tuple[str, str]] = []
    for route in routes:
        if isinstance(route, Mount):
            found.extend(served_by(route.routes, prefix + route.path))
        elif isinstance(route, Route):
            methods = sorted((route.methods or set[str]()) - {"HEAD"})
            found.extend((method, prefix + route.path) for method in methods)
    return found


def _shape(path: str) -> str:
    return _PARAMETER.sub("{}", path)
