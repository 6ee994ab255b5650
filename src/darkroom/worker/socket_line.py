"""The way to a server elsewhere: a WebSocket on the port of its API."""

import asyncio
import ssl
from collections.abc import Callable
from http import HTTPStatus
from urllib.parse import urlsplit

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import (
    ConnectionClosed,
    InvalidHandshake,
    InvalidStatus,
    InvalidURI,
)

from darkroom import __version__
from darkroom.domain.errors import InvalidSetting, WorkerRefused
from darkroom.protocol.batches import MAX_FRAME_BYTES
from darkroom.protocol.frame_link import REFUSED, Carrier, CarrierGone, FrameLink
from darkroom.protocol.messages import ToWorker
from darkroom.worker.lines import Connector, Line

PATH = "/api/workers"
CONNECT_SECONDS = 10.0
GOODBYE_SECONDS = 2.0
_POINTLESS = frozenset({400, 401, 403, 404, 426})
_NO_DOOR = (
    "there is no darkroom at this address, or one of a release that takes no workers from outside"
)


class SocketConnector(Connector):
    """Opens lines to a server by its address; a worker that comes so may come back.

    Whoever finds the network dead within two thirds of the silence a server bears: the peer is
    asked every third of it, and must answer within another.

    Args:
        server: the server's address, with the path before `/v1` if it has one.
        token: a worker's token of that server.
        silence_seconds: how long a server waits for a silent worker.

    Raises:
        InvalidSetting: *server* is no http(s) address.
    """

    remote: bool = True

    def __init__(self, server: str, token: str, *, silence_seconds: float) -> None:
        parts = urlsplit(server)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise InvalidSetting(
                f"server: {server[:200]!r} is no address such as https://darkroom.example"
            )
        self._server = server
        self._url = f"ws{server.rstrip('/')[4:]}{PATH}"
        self._secure = parts.scheme == "https"
        self._token = token
        self._third = silence_seconds / 3
        self._refusal: str | None = None
        self._carrying: asyncio.Task[None] | None = None

    async def connect(
        self, received: Callable[[ToWorker], None], closed: Callable[[], None]
    ) -> Line:
        """Open a line; see the port. What a closed one said for good is raised here."""
        if self._refusal is not None:
            raise WorkerRefused(self._refusal)
        connection = await self._connection()
        link = FrameLink[ToWorker](
            ToWorker,
            _SocketCarrier(connection),
            limit_bytes=MAX_FRAME_BYTES,
            goodbye_seconds=GOODBYE_SECONDS,
        )
        carrying = self._carry(link, connection, received, closed)
        self._carrying = asyncio.ensure_future(carrying)
        return link

    async def _carry(
        self,
        link: FrameLink[ToWorker],
        connection: ClientConnection,
        received: Callable[[ToWorker], None],
        closed: Callable[[], None],
    ) -> None:
        async def take(message: ToWorker) -> None:  # a link awaits whoever takes
            received(message)

        try:
            await link.run(take)
        finally:
            connection.transport.abort()
            if link.close_code == REFUSED:
                self._refusal = link.fault or "it was told to go"
            closed()

    async def _connection(self) -> ClientConnection:
        try:
            return await connect(
                self._url,
                additional_headers={"Authorization": f"Bearer {self._token}"},
                user_agent_header=f"darkroom-worker/{__version__}",
                compression=None,
                proxy=None,
                ssl=ssl.create_default_context() if self._secure else None,
                open_timeout=CONNECT_SECONDS,
                ping_interval=self._third,
                ping_timeout=self._third,
                close_timeout=GOODBYE_SECONDS,
                max_size=MAX_FRAME_BYTES,
            )
        except InvalidURI as error:
            raise InvalidSetting(f"server: {self._server[:200]!r} is no address") from error
        except InvalidStatus as error:
            status, said = error.response.status_code, _said(error)
            if status in _POINTLESS:
                raise WorkerRefused(said) from error
            raise ConnectionError(said) from error
        except (InvalidHandshake, ConnectionClosed) as error:  # closed: before it could be asked
            raise ConnectionError(f"it does not answer as a server does ({error})") from error
        except ssl.SSLCertVerificationError as error:
            raise ConnectionError(
                f"its certificate is not trusted here ({error.verify_message}); if it is the "
                "server's own, name its file in SSL_CERT_FILE"
            ) from error


class _SocketCarrier(Carrier):
    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection

    async def send(self, frame: bytearray) -> None:
        try:
            await self._connection.send(frame)
        except ConnectionClosed as error:
            raise _gone(error) from error

    async def receive(self) -> bytes:
        try:
            return await self._connection.recv(decode=False)
        except ConnectionClosed as error:
            raise _gone(error) from error

    async def close(self, code: int, reason: str) -> None:
        await self._connection.close(code, reason)


class _Problem(msgspec.Struct):
    detail: str


def _said(error: InvalidStatus) -> str:
    """What the server says in its answer, else what its status means."""
    status, body = error.response.status_code, error.response.body
    if status == HTTPStatus.NOT_FOUND:
        return _NO_DOOR
    try:
        return msgspec.json.decode(body or b"", type=_Problem).detail
    except msgspec.DecodeError:
        return f"it answers HTTP {status}"


def _gone(error: ConnectionClosed) -> CarrierGone:
    if error.rcvd is not None:
        return CarrierGone(error.rcvd.code, error.rcvd.reason)
    return CarrierGone(None, "the network does not answer" if error.sent else "")
