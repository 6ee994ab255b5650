"""A proxy that treats the first requests badly, as the first part of the path says.

With the base URL `http://127.0.0.1:PORT/unanswered-2/v1`, the first two requests that are equal in
method, path and body are each read, passed on, and then cut off; the third is passed on as it is.

| fault | what happens to the request |
| --- | --- |
| `unsent-N` | the connection is cut before anything is passed on |
| `unanswered-N` | it reaches the server whole; then both connections are cut, nothing is awaited |
| `unread-N` | the server's whole answer is read and thrown away, then the connection is cut |
| `status429-N`, `status503-N` | it is answered with that status and not passed on |
"""

import socket
import threading
from collections import Counter
from http.client import HTTPConnection, HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

_HOP = {"connection", "keep-alive", "transfer-encoding"}
_TIMEOUT_SECONDS = 30


class Fault(NamedTuple):
    """What is done to the first `times` requests."""

    name: str
    times: int


class Proxy(ThreadingHTTPServer):
    """Stands before the server at *upstream* (`host:port`); counts requests by fault."""

    def __init__(self, upstream: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.upstream = upstream
        self.requests: Counter[str] = Counter()
        self._seen: Counter[tuple[str, str, bytes]] = Counter()
        self._lock = threading.Lock()

    def fault(self, method: str, path: str, body: bytes) -> tuple[str | None, str]:
        """The fault that this request meets now, if any, and the path to pass on."""
        first, _, rest = path[1:].partition("/")
        name, dash, times = first.partition("-")
        if not dash:
            return None, path
        with self._lock:
            self._seen[method, path, body] += 1
            seen = self._seen[method, path, body]
            self.requests[first] += 1
        return name if seen <= int(times) else None, f"/{rest}"


class _Handler(BaseHTTPRequestHandler):
    server: Proxy  # pyright: ignore[reportIncompatibleVariableOverride]  # the class that made it

    def _pass(self) -> None:
        self.close_connection = True
        body = self.rfile.read(int(self.headers.get("content-length", "0")))
        fault, path = self.server.fault(self.command, self.path, body)
        if fault is not None and fault.startswith("status"):
            self._refuse(int(fault.removeprefix("status")))
        elif fault == "unsent":
            self._cut()
        else:
            self._forward(fault, path, body)

    do_GET = do_POST = _pass  # noqa: N815  # names of the base class

    def _forward(self, fault: str | None, path: str, body: bytes) -> None:
        upstream = HTTPConnection(self.server.upstream, timeout=_TIMEOUT_SECONDS)
        headers = {name: value for name, value in self.headers.items() if name.lower() not in _HOP}
        try:
            upstream.request(self.command, path, body, {**headers, "Connection": "close"})
            if fault == "unanswered":
                upstream.close()  # first, or the server may have answered in the meantime
                self._cut()
                return
            answer = upstream.getresponse()
            content = answer.read()
        finally:
            upstream.close()
        if fault == "unread":
            self._cut()
        else:
            self._relay(answer, content)

    def _relay(self, answer: HTTPResponse, content: bytes) -> None:
        self.send_response_only(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in {*_HOP, "content-length"}:
                self.send_header(name, value)
        self.send_header("content-length", str(len(content)))
        self.send_header("connection", "close")
        self.end_headers()
        self.wfile.write(content)

    def _refuse(self, status: int) -> None:
        content = b'{"detail":"The proxy refuses this once.","status":%d}' % status
        self.send_response_only(status)
        self.send_header("content-type", "application/problem+json")
        self.send_header("content-length", str(len(content)))
        self.send_header("retry-after-ms", "10")
        self.send_header("connection", "close")
        self.end_headers()
        self.wfile.write(content)

    def _cut(self) -> None:
        self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class's name
        """Stay silent."""
