"""Lines to the server, and who opens them; the local one, over the server's Unix socket."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from darkroom.protocol.link import Link
from darkroom.protocol.messages import ToWorker


class Line(Protocol):
    """One connection to the server, from the moment it stands to its end."""

    @property
    def open(self) -> bool:
        """Whether messages can still be sent."""
        ...

    @property
    def congested(self) -> bool:
        """Whether so much waits to leave that what may get lost had better not be sent."""
        ...

    @property
    def fault(self) -> str | None:
        """What the peer did wrong or said at the end, if that ended the connection."""
        ...

    def send(self, message: object, *, bulk_bytes: int = 0) -> None:
        """Queue *message*; all of one turn leave together. Dropped once closed."""
        ...

    def close(self) -> None:
        """Send what is queued, then close."""
        ...


class Connector(Protocol):
    """Opens lines to one server, or to any of several behind one address."""

    remote: bool
    """Whether the worker outlives its lines: it may come back and go on."""

    async def connect(
        self, received: Callable[[ToWorker], None], closed: Callable[[], None]
    ) -> Line:
        """Open a line.

        Args:
            received: called with each message, in order; a `PeerMisbehaved` it raises ends the
                line. The first may come before this returns.
            closed: called once when the line is gone, for whatever reason.

        Raises:
            OSError: nobody answers now; it may be tried again.
            WorkerRefused: it is pointless to try again.
        """
        ...


class UnixConnector(Connector):
    """The way to the server of this machine, which the worker does not outlive."""

    remote: bool = False

    def __init__(self, socket: Path) -> None:
        self._socket = socket

    async def connect(
        self, received: Callable[[ToWorker], None], closed: Callable[[], None]
    ) -> Line:
        """Open a line; see the port."""
        link = Link[ToWorker](ToWorker, received=received, closed=closed)
        loop = asyncio.get_running_loop()
        await loop.create_unix_connection(lambda: link, str(self._socket))
        return link
