"""Holds routes against the published contract."""

import re
from collections.abc import Iterable, Mapping
from typing import cast

from starlette.routing import BaseRoute, Mount, Route

from darkroom.domain.model import Json
from darkroom.http import contract

_PARAMETER = re.compile(r"\{[^}]*\}")


def operations() -> list[tuple[str, str]]:
    """Every operation as method and full path, at the first address it is served at.

    What is served at `/v1` is also served at `/replicate/v1`; the edge sees to it, no route.
    """
    paths = cast("Mapping[str, Mapping[str, Json]]", contract.parsed()["paths"])
    return [
        (method.removeprefix("x-").upper(), contract.mount(item) + path)
        for path, item in paths.items()
        for method in item
        if method in contract.METHODS
    ]


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
            # A route without methods answers all of them: no description fits that.
            methods = sorted((route.methods or {"ANY"}) - {"HEAD"})
            found.extend((method, prefix + route.path) for method in methods)
    return found


def _shape(path: str) -> str:
    return _PARAMETER.sub("{}", path)
