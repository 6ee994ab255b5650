"""One kept connection to a server, for requests that are made and timed one after the other."""

import http.client
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias, cast

from bench.contenders import KEY

PATIENCE_SECONDS = 60.0
POLL_SECONDS = 0.002
ENDED = frozenset({"succeeded", "failed", "canceled", "aborted"})

Shown: TypeAlias = Mapping[str, object]


class Unexpected(Exception):
    """An answer that the measurement was not made for; the figure would be a lie."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Status 0 where there was none."""

    status: int
    body: bytes
    seconds: float

    @property
    def shown(self) -> Shown:
        """The JSON of an answer that must be good."""
        if self.status not in (200, 201, 202):
            raise Unexpected(f"{self.status}: {self.body[:400]!r}")
        return cast("Shown", json.loads(self.body))


class Asking:
    """Asks the server at *port* of the loopback, with the bench's key."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS)
        self._began = 0.0

    def ask(self, method: str, path: str, body: object = None, **headers: str) -> Answer:
        """One request and its answer; a broken connection is made anew the next time."""
        try:
            self.send(method, path, body, **headers)
            return self.answer()
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            return Answer(status=0, body=str(error).encode(), seconds=0.0)

    def send(self, method: str, path: str, body: object = None, **headers: str) -> None:
        """Send a request whose answer is asked for later."""
        data = None if body is None else json.dumps(body).encode()
        self._began = time.perf_counter()
        self._connection.request(
            method,
            path,
            data,
            {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json", **headers},
        )

    def answer(self) -> Answer:
        """The answer to what was sent."""
        got = self._connection.getresponse()
        body = got.read()
        return Answer(status=got.status, body=body, seconds=time.perf_counter() - self._began)

    def close(self) -> None:
        self._connection.close()

    def create(self, model: str, input_: Shown, **headers: str) -> Answer:
        return self.ask("POST", f"/v1/models/{model}/predictions", {"input": input_}, **headers)

    def until(self, id_: object, *statuses: str) -> Shown:
        """The prediction as soon as it has one of these statuses.

        Raises:
            Unexpected: it ended otherwise, or nothing came of it in a minute.
        """
        deadline = time.perf_counter() + PATIENCE_SECONDS
        while time.perf_counter() < deadline:
            answer = self.ask("GET", f"/v1/predictions/{id_}")
            if answer.status == 200:
                status = answer.shown["status"]
                if status in statuses:
                    return answer.shown
                if status in ENDED:
                    raise Unexpected(f"{id_} has {status}: {answer.body[:400]!r}")
            time.sleep(POLL_SECONDS)
        raise Unexpected(f"{id_} got none of {statuses} in {PATIENCE_SECONDS} s")
