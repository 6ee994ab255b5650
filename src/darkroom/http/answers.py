"""How an answer is made: JSON bytes, and the address under which the client reached us."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from darkroom.domain.ids import Owner

JSON = "application/json"
PROBLEM = "application/problem+json"
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Site:
    """Where a client found us: every absolute URL of an answer is built from this.

    Args:
        origin: scheme and host, such as `http://127.0.0.1:8000`, no slash at the end.
        prefix: the mount the client used, `/v1` or `/replicate/v1`.
    """

    origin: str
    prefix: str

    def api(self, path: str) -> str:
        """The absolute URL of an API path, which begins with a slash."""
        return f"{self.origin}{self.prefix}{path}"

    def root(self, path: str) -> str:
        """The absolute URL of a path outside the API: pages, files, streams."""
        return f"{self.origin}{path}"


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose key came with the request."""

    owner: Owner
    admin: bool


def site(request: Request) -> Site:
    """The site of this request, as the edge put it there."""
    return cast("Site", request.scope["darkroom.site"])


def caller(request: Request) -> Caller:
    """The caller of this request, as the edge put it there."""
    return cast("Caller", request.scope["darkroom.caller"])


def json_answer(
    data: object, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """Answer with *data* as JSON; msgspec structs and Raw pass through."""
    return Response(_encode(data), status, headers, JSON)
