"""The workers' door on the port of the API: for those that come over the network.

A worker shows its token with the wish for a WebSocket; the edge has looked at it before anything
here runs. Its first message is its hello, and it is heard in order from then on.
"""

from typing import cast

import msgspec
import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, WebSocketRoute
from starlette.types import Receive, Scope, Send

from darkroom.domain.errors import PeerMisbehaved, StoreBusy
from darkroom.domain.ids import DEFAULT_POOL, WORKER_RULE, is_worker, worker_id
from darkroom.http.answers import route
from darkroom.http.edge import Authenticator
from darkroom.http.problems import problem
from darkroom.http.workers import BEATS_PER_SILENCE, FRAME_BYTES, heed, protocol_with
from darkroom.ports.keys import ApiKey
from darkroom.protocol.frame_link import LATER, REFUSED, Carrier, CarrierGone, FrameLink
from darkroom.protocol.messages import REMOTE_PROTOCOL, Ask, Hello, ToServer, Welcome
from darkroom.service.dispatch import Dispatcher
from darkroom.service.seats import Seat

_log = structlog.get_logger()
_REVOKED = "the worker's token was revoked or has expired"
_NO_SOCKET = (
    "This is the door of workers: it takes WebSockets alone. If a worker meets this answer, the "
    "proxy before the server does not pass WebSockets on."
)


class WorkerSockets:
    """Lets workers in from elsewhere.

    Args:
        dispatcher: seats them.
        keys: says whether their tokens are still good.
        silence_seconds: after which a worker is given up; it is asked to beat seven times as often.
    """

    def __init__(
        self, dispatcher: Dispatcher, keys: Authenticator, *, silence_seconds: float
    ) -> None:
        self._dispatcher = dispatcher
        self._keys = keys
        self._beat_seconds = silence_seconds / BEATS_PER_SILENCE
        self._tokens: dict[FrameLink[ToServer], str] = {}

    def routes(self) -> list[BaseRoute]:
        """Paths relative to the mount of administration."""
        return [WebSocketRoute("/workers", self), route("/workers", _refuse)]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take one worker's connection until it ends."""
        key = cast("ApiKey", scope["darkroom.worker"])
        carrier = _AsgiCarrier(receive, send)
        await carrier.accept()
        link = FrameLink[ToServer](ToServer, carrier, limit_bytes=FRAME_BYTES)
        visit = _RemoteVisit(self._dispatcher, link, self._beat_seconds, key.pool or DEFAULT_POOL)
        self._tokens[link] = scope["darkroom.token"]
        try:
            await link.run(visit.received)
        finally:
            del self._tokens[link]
            visit.left()

    def sweep(self) -> None:
        """Send away whoever came with a token that is good no more."""
        for link, token in list(self._tokens.items()):
            if self._keys.authenticate(token) is None:
                link.close(REFUSED, _REVOKED)


async def _refuse(request: Request) -> Response:  # noqa: ARG001  # Starlette's signature
    return problem(426, _NO_SOCKET, headers={"Upgrade": "websocket", "Connection": "Upgrade"})


class _RemoteVisit:
    """One connection, from hello to its end."""

    def __init__(
        self,
        dispatcher: Dispatcher,
        link: FrameLink[ToServer],
        beat_seconds: float,
        pool: str,
    ) -> None:
        self._dispatcher = dispatcher
        self._link = link
        self._beat_seconds = beat_seconds
        self._pool = pool
        self._seat: Seat | None = None

    async def received(self, message: ToServer) -> None:
        if isinstance(message, Hello):
            await self._hello(message)
        elif isinstance(message, Ask):
            raise PeerMisbehaved("a question of the command line, which has a door of its own")
        elif self._link.open:  # not of a worker that is being sent away
            heed(self._dispatcher, self._seat, message)

    def left(self) -> None:
        if self._link.fault:
            _log.warning("worker.line_broke", fault=self._link.fault)
        if self._seat is not None:
            self._dispatcher.leave(self._seat)

    async def _hello(self, hello: Hello) -> None:
        if self._seat is not None:
            raise PeerMisbehaved(f"worker {hello.worker} said hello twice")
        try:
            spoken = protocol_with(hello, REMOTE_PROTOCOL)
            _check_name(hello.worker)
        except PeerMisbehaved as error:
            self._link.close(REFUSED, str(error))
            return
        try:
            self._seat, kept = await self._dispatcher.rejoin(
                msgspec.structs.replace(hello, worker=worker_id(self._pool, hello.worker)),
                pool=self._pool,
                send=self._link.send,
                close=self._link.close,
            )
        except StoreBusy as error:
            self._link.close(LATER, str(error))
            return
        self._link.send(Welcome(spoken, self._beat_seconds, kept))


def _check_name(name: str) -> None:
    """Raise PeerMisbehaved unless a worker from elsewhere may be called so."""
    if not is_worker(name):
        raise PeerMisbehaved(f"the worker's name {WORKER_RULE}")


class _AsgiCarrier(Carrier):
    """A WebSocket as ASGI has it. Source: ASGI's specification of WebSocket connections."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send

    async def accept(self) -> None:
        await self._receive()  # websocket.connect
        await self._send({"type": "websocket.accept"})

    async def send(self, frame: bytearray) -> None:
        await self._out({"type": "websocket.send", "bytes": frame})

    async def receive(self) -> bytes:
        message = await self._receive()
        if message["type"] == "websocket.disconnect":
            raise CarrierGone(message.get("code"), message.get("reason") or "")
        return message.get("bytes") or b""

    async def close(self, code: int, reason: str) -> None:
        await self._out({"type": "websocket.close", "code": code, "reason": reason})

    async def _out(self, message: dict[str, object]) -> None:
        try:
            await self._send(message)
        except OSError as error:  # a server's way to say that the client has gone
            raise CarrierGone(None, "") from error
