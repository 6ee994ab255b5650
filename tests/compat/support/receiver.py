"""Receives webhooks, and gives them to the client program that has to verify them.

`POST /NAME` takes a webhook. `GET /NAME` answers, once the terminal one has come, with all that
came to that name: a list of `{headers, body}`, the body as the text that was signed.
"""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import cast

PATIENCE_SECONDS = 10
TERMINAL = {"succeeded", "failed", "canceled"}


class Receiver(ThreadingHTTPServer):
    """Keeps every webhook by the path it came to."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self._deliveries: dict[str, list[dict[str, object]]] = {}
        self._changed = threading.Condition()

    def keep(self, path: str, headers: dict[str, str], body: str) -> None:
        with self._changed:
            kept = self._deliveries.setdefault(path, [])
            kept.append({"headers": headers, "body": body})
            self._changed.notify_all()

    def completed(self, path: str) -> list[dict[str, object]]:
        """All that came to *path*, once a terminal prediction is among it or patience ends."""

        def over() -> bool:
            kept = self._deliveries.get(path, [])
            shown = (cast("dict[str, object]", json.loads(str(one["body"]))) for one in kept)
            return any(one["status"] in TERMINAL for one in shown)

        with self._changed:
            self._changed.wait_for(over, PATIENCE_SECONDS)
            return list(self._deliveries.get(path, []))


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Receiver  # pyright: ignore[reportIncompatibleVariableOverride]  # the class that made it

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.keep(self.path, headers, body)
        self._answer(b"")

    def do_GET(self) -> None:
        self._answer(json.dumps(self.server.completed(self.path)).encode())

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class's name
        """Stay silent."""
