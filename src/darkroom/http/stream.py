"""Server-sent events of a prediction, replayed from the start or from the last event seen.

Every event carries an id, only four names occur, and `done` comes last: the vendor's clients
drop events without ids and refuse other names.
"""

import re
from collections.abc import AsyncGenerator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import cast

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from darkroom.domain.errors import NotFound
from darkroom.domain.events import Event, EventKind
from darkroom.domain.ids import PredictionId
from darkroom.http.answers import Site, route, site
from darkroom.http.problems import NOT_FOUND
from darkroom.service.capabilities import Capabilities
from darkroom.service.predictions import Predictions

IDLE_SECONDS = 15.0
_NUMBER = re.compile(r"[0-9]{1,18}")
GREETING = b": hi\n\n"
STILL_HERE = b": still here\n\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamRoutes:
    """The routes of streams; the token in the path is all the permission it takes.

    Args:
        idle_seconds: how long a stream is silent before it sends a comment.
    """

    predictions: Predictions
    capabilities: Capabilities
    idle_seconds: float = IDLE_SECONDS

    def routes(self) -> list[Route]:
        """Paths relative to the API's mount.

        Streams of files are followed at `/files/{token}`, which is among the routes of uploads.
        """
        return [route("/streams/{token}", self._text)]

    async def _text(self, request: Request) -> Response:
        return await self.follow(request, request.path_params["token"])

    async def follow(self, request: Request, token: str) -> Response:
        """The events of the prediction that *token* opens."""
        id_ = self.capabilities.read_stream(token)
        found = None if id_ is None else await self.predictions.look(id_)
        if found is None:
            raise NotFound(NOT_FOUND)
        lines = self._lines(found.id, _last_seen(request), site(request))
        counted = ExitStack()
        counted.enter_context(self.predictions.streaming(found.owner))
        return CountedResponse(lines, counted, {"Access-Control-Allow-Origin": "*"})

    async def _lines(self, id_: PredictionId, after: int, here: Site) -> AsyncGenerator[bytes]:
        yield GREETING
        async for event in self.predictions.follow(
            id_, after=after, idle_seconds=self.idle_seconds
        ):
            yield STILL_HERE if event is None else self._spelled(id_, event, here)

    def _spelled(self, id_: PredictionId, event: Event, here: Site) -> bytes:
        data = event.data
        if event.kind is EventKind.OUTPUT:
            data = self._output(id_, event.data, here)
        elif event.kind is EventKind.ERROR:
            data = msgspec.json.encode({"detail": event.data}).decode()
        # Only these three end a line of a stream; str.splitlines knows more.
        lines = data.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        text = "".join(f"data: {line}\n" for line in lines)
        return f"event: {event.kind}\nid: {event.at // 1000}:{event.n}\n{text}\n".encode()

    def _output(self, id_: PredictionId, data: str, here: Site) -> str:
        told = cast("Mapping[str, object]", msgspec.json.decode(data))
        if "value" in told:
            value = told["value"]
            return value if isinstance(value, str) else msgspec.json.encode(value).decode()
        attempt, index = cast("int", told["attempt"]), cast("int", told["index"])
        token = self.capabilities.file(id_, attempt, index)
        return here.file(token, cast("str", told["name"]))


class CountedResponse(StreamingResponse):
    """A stream that counts from before its first byte until its end, also if nobody reads it."""

    def __init__(
        self, lines: AsyncGenerator[bytes], counted: ExitStack, headers: Mapping[str, str]
    ) -> None:
        super().__init__(
            lines,
            media_type="text/event-stream",
            headers={**headers, "X-Accel-Buffering": "no"},
        )
        self._lines = lines
        self._counted = counted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it; of what is only asked about, the head alone, at once."""
        if scope["method"] == "HEAD":
            self.body_iterator = _nothing()
        with self._counted:
            try:
                await super().__call__(scope, receive, send)
            finally:
                await self._lines.aclose()


async def _nothing() -> AsyncGenerator[bytes]:
    for piece in ():
        yield piece


def _last_seen(request: Request) -> int:
    """The number in a `Last-Event-ID`; anything unreadable means from the start."""
    number = request.headers.get("last-event-id", "").rpartition(":")[2]
    return int(number) if _NUMBER.fullmatch(number) else 0
