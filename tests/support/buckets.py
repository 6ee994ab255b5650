"""Servers that speak S3, as processes of their own, and a proxy that breaks what passes."""

import contextlib
import os
import secrets
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx2
from tests.support.ports import free_port

START_SECONDS = 60.0
_BUCKET = "darkroom"
_CREDENTIALS = {"AWS_ACCESS_KEY_ID": "a-test", "AWS_SECRET_ACCESS_KEY": "a-test-secret"}


@dataclass(frozen=True, slots=True)
class S3Server:
    """A bucket somewhere: its `s3://` address without prefix, and the variables that open it."""

    url: str
    environment: Mapping[str, str]

    def place(self) -> str:
        """An address with a prefix that nobody has used."""
        return f"{self.url}/{secrets.token_hex(8)}"

    @property
    def endpoint(self) -> str:
        """Scheme, host and port."""
        return self.environment["AWS_ENDPOINT_URL"]

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        at = httpx2.URL(self.endpoint)
        return at.host, at.port or 80


def named_server() -> S3Server | None:
    """The bucket that DARKROOM_TEST_S3 names, opened by the AWS_ variables of this process."""
    url = os.environ.get("DARKROOM_TEST_S3")
    if not url:
        return None
    return S3Server(url.rstrip("/"), {k: v for k, v in os.environ.items() if k[:4] == "AWS_"})


@contextmanager
def moto_server() -> Generator[S3Server]:
    """A moto of one's own on a free port of this machine, ended by its process id."""
    port = free_port()
    program = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(program, stdout=quiet, stderr=quiet)
    try:
        endpoint = f"http://127.0.0.1:{port}"
        until_listening(process, port)
        httpx2.put(f"{endpoint}/{_BUCKET}", trust_env=False).raise_for_status()
        yield S3Server(f"s3://{_BUCKET}", {**_CREDENTIALS, "AWS_ENDPOINT_URL": endpoint})
    finally:
        process.terminate()
        process.wait(START_SECONDS)


def until_listening(process: "subprocess.Popen[bytes]", port: int) -> None:
    """Wait until *process* takes connections."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None, "the server ended at once"
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.05)
        else:
            return
    raise AssertionError("the server does not listen")


_FAULT = b"<Error><Code>SlowDown</Code></Error>"
_PIECE = 64 * 1024


@dataclass(slots=True)
class BreakingProxy:
    """Passes connections on to *upstream*, and treats requests that begin with `PUT ` as told.

    Attributes:
        upstream: host and port.
        faults: what the next PUTs meet, one word each: `error` answers 503 once the headers are
            read, `reset` cuts the connection in the middle of the body, `silent` says nothing more.
            Once they are used up, `always` is met if it is set; otherwise all goes well.
        always: see *faults*.
        puts: how many PUTs came.
    """

    upstream: tuple[str, int]
    faults: list[str] = field(default_factory=list[str])
    always: str | None = None
    puts: int = 0
    _listener: socket.socket = field(init=False)
    _open: list[socket.socket] = field(default_factory=list[socket.socket])

    def __post_init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def endpoint(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def close(self) -> None:
        """Stop, and cut what is open."""
        for one in [self._listener, *self._open]:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        self._open.append(client)
        with contextlib.suppress(OSError), client:
            head = client.recv(_PIECE)
            fault = self._fault(head)
            if fault == "error":
                _answer(client, head)
            elif fault == "reset":
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            elif fault == "silent":
                while client.recv(_PIECE):
                    pass
            else:
                self._pass_on(client, head)

    def _fault(self, head: bytes) -> str | None:
        if not head.startswith(b"PUT "):
            return None
        self.puts += 1
        return self.faults.pop(0) if self.faults else self.always

    def _pass_on(self, client: socket.socket, head: bytes) -> None:
        """One request a connection: what follows on it is not looked at, so it is closed after."""
        with socket.create_connection(self.upstream) as server:
            self._open.append(server)
            head = head.replace(b"\r\n", b"\r\nConnection: close\r\n", 1)
            server.sendall(head)
            threading.Thread(target=_copy, args=(client, server), daemon=True).start()
            _copy(server, client)


def _copy(source: socket.socket, to: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while piece := source.recv(_PIECE):
            to.sendall(piece)
        to.shutdown(socket.SHUT_WR)


def _answer(client: socket.socket, head: bytes) -> None:
    """Read the request to its end, then answer 503."""
    headers, _, body = head.partition(b"\r\n\r\n")
    lines = headers.lower().split(b"\r\n")
    sizes = [int(line[15:]) for line in lines if line.startswith(b"content-length:")]
    left = (sizes[0] if sizes else 0) - len(body)
    while left > 0 and (piece := client.recv(_PIECE)):
        left -= len(piece)
    size = str(len(_FAULT)).encode()
    client.sendall(
        b"HTTP/1.1 503 Slow Down\r\nConnection: close\r\nContent-Length: " + size + b"\r\n\r\n"
    )
    client.sendall(_FAULT)
