"""Previews of a running prediction, as server-sent events at addresses of our own.

No client of the prediction API meets them: its streams know four events, and none is this.
"""

from base64 import b64encode
from collections.abc import AsyncGenerator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from darkroom.domain.errors import NotFound
from darkroom.domain.ids import PredictionId
from darkroom.domain.prediction import Prediction
from darkroom.http.answers import caller, route
from darkroom.http.headers import API_HEADERS
from darkroom.http.problems import NOT_FOUND
from darkroom.http.stream import GREETING, IDLE_SECONDS, STILL_HERE, CountedResponse
from darkroom.protocol.messages import Preview
from darkroom.service.predictions import Predictions

_DONE = b"event: done\ndata: {}\n\n"


class WirePreview(msgspec.Struct, frozen=True):
    """One picture: raw RGB in standard base64, 8 bits a channel, rows from the top."""

    attempt: int
    width: int
    height: int
    rgb: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewRoutes:
    """The routes of previews.

    Args:
        private: whether they are closed to those who only know a prediction's id.
        idle_seconds: how long a stream is silent before it sends a comment.
    """

    predictions: Predictions
    private: bool
    idle_seconds: float = IDLE_SECONDS

    def administration(self) -> list[Route]:
        """Paths relative to `/api`, for the prediction's owner and administrators."""
        return [route("/predictions/{id}/previews", self.of_key)]

    def routes(self) -> list[Route]:
        """Paths beside the pages, open to callers without a key."""
        return [route("/p/{id}/previews", self.of_page)]

    async def of_key(self, request: Request) -> Response:
        """Previews of the caller's prediction, or for an administrator of anybody's."""
        asked = caller(request)
        found = await self._found(request)
        if not (asked.admin or found.owner == asked.owner):
            raise NotFound(NOT_FOUND)
        return self._answer(found, {})

    async def of_page(self, request: Request) -> Response:
        """Previews for whoever knows the id, as its page is."""
        if self.private:
            raise NotFound(NOT_FOUND)
        return self._answer(await self._found(request), API_HEADERS)

    async def _found(self, request: Request) -> Prediction:
        found = await self.predictions.look(PredictionId(request.path_params["id"]))
        if found is None:
            raise NotFound(NOT_FOUND)
        return found

    def _answer(self, prediction: Prediction, headers: Mapping[str, str]) -> Response:
        counted = ExitStack()
        counted.enter_context(self.predictions.streaming(prediction.owner))
        return CountedResponse(self.lines(prediction.id), counted, headers)

    async def lines(self, id_: PredictionId) -> AsyncGenerator[bytes]:
        """The lines of the stream, from its greeting to the end of the prediction."""
        yield GREETING
        async with self.predictions.looking(id_) as look:
            while not look.over:
                picture = await look.picture(self.idle_seconds)
                if picture is not None:
                    yield _spelled(picture)
                elif not look.over:
                    yield STILL_HERE
        yield _DONE


def _spelled(picture: Preview) -> bytes:
    shown = WirePreview(
        picture.attempt, picture.width, picture.height, b64encode(picture.data).decode()
    )
    return b"event: preview\ndata: " + msgspec.json.encode(shown) + b"\n\n"
