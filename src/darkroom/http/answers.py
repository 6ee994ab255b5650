"""How an answer is made: who is asked, the JSON bytes, and the address the client reached us at."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias, cast
from urllib.parse import quote

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from darkroom.domain.ids import Owner

JSON = "application/json"
PROBLEM = "application/problem+json"
_encode = msgspec.json.Encoder().encode

Handler: TypeAlias = Callable[[Request], Awaitable[Response]]


class Endpoint:
    """A handler as an ASGI application.

    Starlette would wrap a function in two layers of error handling, a tenth of a short request;
    the edge answers all errors here.
    """

    __slots__ = ("_handler",)

    def __init__(self, handler: Handler) -> None:
        self._handler = handler

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        response = await self._handler(Request(scope, receive, send))
        await response(scope, receive, send)


def route(path: str, handler: Handler, *, method: str = "GET") -> Route:
    """A route for one method; GET stands for HEAD too."""
    return Route(path, Endpoint(handler), methods=[method])


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

    def file(self, token: str, name: str) -> str:
        """The absolute URL of a stored file, its name spelled so that any may stand in a URL."""
        return self.root(f"/files/{token}/{quote(name, safe='')}")


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose key came with the request, and which."""

    owner: Owner
    admin: bool
    key: str = ""


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
