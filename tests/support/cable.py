"""A cable between somebody and a server: it can fall silent, hold one way back, and be cut."""

import contextlib
import itertools
import socket
import threading
from collections.abc import Callable
from typing import Self
from urllib.parse import urlsplit

_PIECE = 64 * 1024


class Cable:
    """Passes connections on, each to the next of *servers* that answers, until its block ends.

    Nothing is lost by a silence: connections stay, new ones are taken, and what was said comes
    once it is over, as with TCP when a network comes back.

    Args:
        servers: their addresses.
    """

    def __init__(self, *servers: str) -> None:
        self._servers = [_place(one) for one in servers]
        self._turn = itertools.count()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self._up, self._down = threading.Event(), threading.Event()
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self.flow()

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(self, *_error: object) -> None:
        _shut(self._listener)
        self.flow()
        while any(one.is_alive() for one in self._threads):
            self.cut()
            self._threads[0].join(0.1)
            self._threads = [one for one in self._threads if one.is_alive()]
        self._listener.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def silence(self) -> None:
        """Nothing gets through, either way."""
        self._up.clear()
        self._down.clear()

    def hold_answers(self) -> None:
        """Nothing comes back from the servers; what they are told goes on."""
        self._down.clear()

    def flow(self) -> None:
        """Everything gets through, and first what was kept."""
        self._up.set()
        self._down.set()

    def cut(self) -> None:
        """Break every connection there is: what was kept is lost. New ones are as ever."""
        for one in list(self._open):
            _shut(one)

    def _start(self, work: Callable[..., None], *words: socket.socket) -> threading.Thread:
        thread = threading.Thread(target=work, args=words, daemon=True)
        self._threads = [one for one in self._threads if one.is_alive()] + [thread]
        thread.start()
        return thread

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._start(self._serve, client)

    def _serve(self, client: socket.socket) -> None:
        server = self._connected()
        with client, server or contextlib.nullcontext():
            if server is None:
                return
            self._open |= {client, server}
            up = self._start(self._copy_up, client, server)
            _copy(server, client, self._down)
            up.join()
            self._open -= {client, server}

    def _copy_up(self, client: socket.socket, server: socket.socket) -> None:
        _copy(client, server, self._up)

    def _connected(self) -> socket.socket | None:
        first = next(self._turn)
        for place in range(len(self._servers)):
            with contextlib.suppress(OSError):
                return socket.create_connection(self._servers[(first + place) % len(self._servers)])
        return None


def _copy(source: socket.socket, to: socket.socket, flows: threading.Event) -> None:
    """Pass on what comes; a way that breaks breaks the other."""
    try:
        while piece := source.recv(_PIECE):
            flows.wait()
            to.sendall(piece)
        flows.wait()
        to.shutdown(socket.SHUT_WR)
    except OSError:
        flows.wait()
        _shut(source)
        _shut(to)


def _shut(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)


def _place(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or 80
