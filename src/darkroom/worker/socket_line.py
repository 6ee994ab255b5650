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
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_UNWANTED = frozenset({401, 403})
_MISPLACED = _REDIRECTS | {400, 404, 426}
"""Final only if there never was a line: a proxy may say so while the server behind it is away."""
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
        InvalidSetting: *server* is no http(s) address, or *token* no token.
    """

    remote: bool = True

    def __init__(self, server: str, token: str, *, silence_seconds: float) -> None:
        self._url = f"ws{server_address(server)[4:]}{PATH}"
        self._secure = self._url.startswith("wss:")
        self._token = _checked(token)
        self._third = silence_seconds / 3
        self._refusal: str | None = None
        self._was_in = False
        self._carrying: asyncio.Task[None] | None = None

    async def connect(
        self, received: Callable[[ToWorker], None], closed: Callable[[], None]
    ) -> Line:
        """Open a line; see the port. What a closed one said for good is raised here."""
        if self._refusal is not None:
            raise WorkerRefused(self._refusal)
        connection = await self._connection()
        self._was_in = True
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
            return await _Straight(
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
        except InvalidStatus as error:
            raise self._refused(error) from error
        except (InvalidHandshake, ConnectionClosed) as error:  # closed: before it could be asked
            hint = "" if self._secure else "; does its address begin with https://?"
            raise ConnectionError(f"it does not answer as a server does ({error}){hint}") from error
        except ssl.SSLCertVerificationError as error:
            raise ConnectionError(
                f"its certificate is not trusted here ({error.verify_message}); if it is the "
                "server's own, name its file in SSL_CERT_FILE"
            ) from error
        except ssl.SSLError as error:
            raise ConnectionError(
                f"it does not speak TLS as it should ({error.reason}); does its address begin "
                "with http://?"
            ) from error

    def _refused(self, error: InvalidStatus) -> WorkerRefused | ConnectionError:
        status = error.response.status_code
        final = status in _UNWANTED or (status in _MISPLACED and not self._was_in)
        return WorkerRefused(_said(error)) if final else ConnectionError(_said(error))


class _Straight(connect):
    """Follows no redirects: the token is for the server that was named, and for no other."""

    def process_redirect(self, exc: Exception) -> Exception:
        """The answer as it is."""
        return exc


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


def server_address(text: str) -> str:
    """A server's address as other paths are added to it: without `/v1` and slashes at its end.

    Raises:
        InvalidSetting: it is no http(s) address, or has more than a host, a port and a path.
    """
    try:
        parts = urlsplit(text)
        named = (parts.hostname or "").encode("idna")
        port = parts.port
    except ValueError:
        parts, named, port = urlsplit(""), b"", None
    more = parts.query or parts.fragment or "@" in parts.netloc
    if parts.scheme not in ("http", "https") or not named or port == 0 or more:
        shown = repr(text[:200]) if "@" not in text else "what is given"  # may hold a password
        raise InvalidSetting(f"server: {shown} is no address such as https://darkroom.example")
    path = parts.path.rstrip("/").removesuffix("/v1").rstrip("/")
    return f"{parts.scheme}://{parts.netloc}{path}"


def _checked(token: str) -> str:
    """A token as a header can hold it; files and secrets often end with a new line."""
    plain = token.strip()
    if not plain or not plain.isascii() or not plain.isprintable() or " " in plain:
        raise InvalidSetting("token: it has characters that no token has; copy it once more")
    return plain


class _Problem(msgspec.Struct):
    detail: str


def _said(error: InvalidStatus) -> str:
    """What the server says in its answer, else what its status means."""
    status, body = error.response.status_code, error.response.body
    if status in _REDIRECTS:
        place = error.response.headers.get("Location", "")[:200].removesuffix(PATH)
        return f"it sends on to {place!r}; name that address instead, if you trust it"
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
