"""The outermost layer: which host was asked, under which prefix, by whom; and every error's answer.

The API answers at `/v1` and at `/replicate/v1`, a doubled `/v1` included, because clients and
gateways differ in what they take for the base address.
"""

import re
from collections.abc import Mapping, MutableMapping, Sequence
from ipaddress import IPv4Address, IPv6Address
from typing import Protocol, cast

import structlog
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from darkroom.domain.errors import DarkroomError, NotFound, Throttled, Unauthenticated
from darkroom.http.answers import Caller, Site
from darkroom.http.headers import API_HEADERS
from darkroom.http.openai.refusals import in_form, speaks_openai
from darkroom.http.problems import NOT_FOUND, MalformedRequest, from_error, internal, problem
from darkroom.ports.keys import ApiKey
from darkroom.service.limits import Guesses, Left, Rates, Searches

_log = structlog.get_logger()
_API = re.compile(r"(?P<prefix>(?:/replicate)?/v1)(?:/v1)?(?P<path>/.*)")
_ADMINISTRATION = "/api/"
_WORKERS = "/api/workers"
_WORKER_FILES = "/api/worker-files/"
_FILES = "/v1/files"  # without the headers of the limit, like the hosted service's
_CREATING = ("/predictions", "/trainings", "/images/generations", "/images/edits")
_SEARCH = "/search"  # with a key it counts as the key's
_OPEN = re.compile(r"/(?:streams/.*|files/(?:[0-9a-z]{53}|[^/]*/download))")
_READING = ("GET", "HEAD")  # an address that is its own permission gives no other
_SCHEMES = ("bearer ", "token ")
_HOST = re.compile(r"(?:\[([0-9a-f:.]{2,45})\]|([0-9a-z._-]{1,253}))(?::[0-9]{1,5})?")
_MOST_HOSTS = 256
_WORKERS_KEY = (
    "This is a worker's token: it opens nothing of the API. Make a key with `darkroom keys create "
    "--owner NAME`."
)
_CLIENTS_KEY = (
    "This is a key of the API: workers have tokens of their own. Make one with `darkroom keys "
    "create --worker --pool P`."
)
_API_HEADERS = [(name.lower().encode(), value.encode()) for name, value in API_HEADERS.items()]


class Authenticator(Protocol):
    """Who a token belongs to."""

    def authenticate(self, token: str) -> ApiKey | None:
        """The key of this token, or None."""
        ...


class Hosts:
    """Which Host headers are answered: addresses, localhost, and names the operator gave.

    A page of another site that rebinds its name to this machine is refused here. Case and a
    dot at the end of a name do not matter.
    """

    def __init__(self, names: frozenset[str]) -> None:
        self._names = {name.lower().removesuffix(".") for name in names} | {"localhost"}
        self._accepted: set[str] = set()  # headers as they came; clients send few different ones

    def accepts(self, header: str) -> bool:
        """Whether *header*, a host with or without a port, is one of ours."""
        if header in self._accepted:
            return True
        if not self._ours(header.lower()):
            return False
        if len(self._accepted) < _MOST_HOSTS:
            self._accepted.add(header)
        return True

    def _ours(self, header: str) -> bool:
        matched = _HOST.fullmatch(header)
        if matched is None:
            return False
        bracketed, name = matched.groups()
        if name and name.removesuffix(".") in self._names:
            return True
        try:
            IPv6Address(bracketed) if bracketed else IPv4Address(name)
        except ValueError:
            return False
        return True


class Edge:
    """ASGI middleware around the whole application.

    Args:
        app: the routes, under `/v1`, `/api` and the root.
        keys: looks tokens up.
        rates: how much each key may ask for.
        guesses: who has shown wrong keys.
        searches: who has searched without a key.
        hosts: accepted Host headers.
        public_url: scheme and host of all absolute URLs; None takes the client's own.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        keys: Authenticator,
        rates: Rates,
        guesses: Guesses,
        searches: Searches,
        hosts: Hosts,
        public_url: str | None,
    ) -> None:
        self._app = app
        self._keys = keys
        self._rates = rates
        self._guesses = guesses
        self._searches = searches
        self._hosts = hosts
        self._public = public_url.rstrip("/") if public_url else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "websocket":
            await self._visited(scope, receive, send)
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answering = _Answering(send)
        try:
            self._enter(scope, answering)
            await self._app(scope, receive, answering)
        except DarkroomError as error:
            await answering.instead(from_error(error), scope, receive)
        except HTTPException as error:
            answer = problem(error.status_code, error.detail, headers=error.headers)
            await answering.instead(answer, scope, receive)
        except Exception:  # noqa: BLE001  # the top of the application: logged, and told as a 500
            _log.exception("request.failed", method=scope["method"], path=scope["path"])
            await answering.instead(internal(), scope, receive)

    async def _visited(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a worker in, or refuse it with an answer instead of a WebSocket."""
        try:
            self._enter_worker(scope)
        except DarkroomError as error:
            if not isinstance(error, Throttled):  # who guesses tokens shall not fill the log
                _log.warning("worker.refused", address=_address(scope), reason=str(error))
            await from_error(error)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _enter_worker(self, scope: MutableMapping[str, object]) -> None:
        token = self._welcome(scope)[1]
        if scope["path"] != _WORKERS:
            raise NotFound(NOT_FOUND)
        scope["darkroom.worker"] = self._key(scope, token, of_worker=True)
        scope["darkroom.token"] = token

    def _welcome(self, scope: Mapping[str, object]) -> tuple[str, str | None]:
        """The Host header, if we answer to it, and the token."""
        host, token = _asked(scope)
        if not self._hosts.accepts(host):
            raise MalformedRequest(
                "This host name is not served here. The operator can allow it with "
                "DARKROOM_ALLOWED_HOSTS or DARKROOM_PUBLIC_URL."
            )
        return host, token

    def _enter(self, scope: MutableMapping[str, object], answering: "_Answering") -> None:
        if "\n" in str(scope["path"]):
            # Starlette's patterns do not see one at the end: they would match what ours do not.
            raise NotFound(NOT_FOUND)
        host, token = self._welcome(scope)
        origin = self._public or f"{scope['scheme']}://{host}"
        matched = _API.fullmatch(str(scope["path"]))
        scope["app"] = self  # lets the router raise for a wrong method instead of answering itself
        if matched is None:
            scope["darkroom.site"] = Site(origin, "/v1")
            path = str(scope["path"])
            if path == _WORKERS and scope["method"] in _READING:
                self._key(scope, token, of_worker=True)
            elif path.startswith(_ADMINISTRATION) and not path.startswith(_WORKER_FILES):
                self._admit(scope, answering, token)
            return
        path = matched["path"]
        scope["path"] = f"/v1{path}"
        scope["darkroom.site"] = Site(origin, matched["prefix"])
        if scope["method"] in _READING and _OPEN.fullmatch(path):
            answering.api = True
        elif scope["method"] in _READING and path == _SEARCH:
            self._admit_anybody(scope, answering, token)
        else:
            self._admit(scope, answering, token)

    def _admit_anybody(
        self, scope: MutableMapping[str, object], answering: "_Answering", token: str | None
    ) -> None:
        try:
            self._admit(scope, answering, token)
        except Unauthenticated:
            self._searches.take(_address(scope))

    def _admit(
        self, scope: MutableMapping[str, object], answering: "_Answering", token: str | None
    ) -> None:
        """Let in whoever has a key and asks for no more than it may."""
        answering.api = True
        key = self._key(scope, token)
        scope["darkroom.caller"] = Caller(key.owner, key.admin, key.id)
        scope["darkroom.token"] = token
        path = str(scope["path"])
        answering.tells_rate = not path.startswith(_FILES)
        create = scope["method"] == "POST" and path.endswith(_CREATING)
        try:
            answering.left = self._rates.take(key.id, create=create)
        except Throttled as error:
            answering.left = Left(0, error.retry_seconds)
            raise

    def _key(
        self, scope: MutableMapping[str, object], token: str | None, *, of_worker: bool = False
    ) -> ApiKey:
        key = self._keys.authenticate(token) if token else None
        if token is not None:
            address = _address(scope)
            if key is None:
                self._guesses.wrong(address)
            else:
                self._guesses.right(address, key.id)
        if key is None:
            raise Unauthenticated(offered=token is not None)
        if (key.pool is not None) is not of_worker:
            raise Unauthenticated(offered=True, why=_CLIENTS_KEY if of_worker else _WORKERS_KEY)
        return key


class _Answering:
    """Sends one answer; adds the API's headers, and knows whether the answer has begun."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._begun = False
        self.api = False
        self.tells_rate = False
        self.left: Left | None = None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._begun = True
            if self.api:
                message["headers"] = [*message["headers"], *_API_HEADERS, *self._rate()]
        await self._send(message)

    def _rate(self) -> Sequence[tuple[bytes, bytes]]:
        """What is left of the caller's limit. Source: recorded answers of Replicate's API."""
        if self.left is None or not self.tells_rate:
            return ()
        remaining, reset = self.left
        return (
            (b"ratelimit-remaining", b"%d" % remaining),
            (b"ratelimit-reset", b"%d" % reset),
        )

    async def instead(self, answer: ASGIApp, scope: Scope, receive: Receive) -> None:
        """Send *answer*, unless another has begun already: then the connection is cut."""
        if self._begun:
            raise ConnectionError("the answer broke off")
        if isinstance(answer, Response) and speaks_openai(scope["path"]):
            answer = in_form(answer)
        await answer(scope, receive, self)


def _address(scope: Mapping[str, object]) -> str:
    """Where a request comes from; one text for all whose address is not known."""
    client = cast("tuple[str, int] | None", scope.get("client"))
    return client[0] if client else ""


def _asked(scope: Mapping[str, object]) -> tuple[str, str | None]:
    """The Host header and the token of a request."""
    host, token = "", None
    headers = scope["headers"]
    assert isinstance(headers, list)  # noqa: S101  # ASGI's own promise
    for name, value in headers:  # pyright: ignore[reportUnknownVariableType]
        if name == b"host":
            host = _text(value)  # pyright: ignore[reportUnknownArgumentType]
        elif name == b"authorization":
            text = _text(value)  # pyright: ignore[reportUnknownArgumentType]
            if text.lower().startswith(_SCHEMES):
                token = text.partition(" ")[2].strip() or None
    return host, token


def _text(value: bytes) -> str:
    return value.decode("latin-1")
