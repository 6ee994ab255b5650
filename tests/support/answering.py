"""A web server that gives all the same answer and remembers who asked for what."""

import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer


@dataclass(slots=True)
class Asked:
    """What a server was asked: its port, and the Host header of each path."""

    port: int
    hosts: dict[str, str] = field(default_factory=dict[str, str])
    once: threading.Event = field(default_factory=threading.Event)


@contextmanager
def answering(status: int) -> Generator[Asked]:
    """A server on the loopback that answers every GET with *status* and no body."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # http.server's name
            asked.hosts[self.path] = self.headers["Host"]
            self.send_response(status)
            self.end_headers()
            asked.once.set()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # and its word
            """Nothing: a test's output is its own."""

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        asked = Asked(server.server_port)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield asked
        finally:
            server.shutdown()
            thread.join()
