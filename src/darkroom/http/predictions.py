"""Create, get, list and cancel predictions."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast
from urllib.parse import urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from darkroom.domain.errors import NotFound
from darkroom.domain.ids import PredictionId
from darkroom.domain.model import Json, Model, Version
from darkroom.domain.prediction import JsonText, Milliseconds, Prediction
from darkroom.http import reading
from darkroom.http.answers import Site, caller, json_answer, site
from darkroom.http.problems import NOT_FOUND, MalformedRequest
from darkroom.http.wire import Wire
from darkroom.ports import InputValidator, Page
from darkroom.service.catalogue import Catalogue
from darkroom.service.predictions import NewPrediction, Predictions

PAGE_SIZE = 100
REDACTED = "[redacted]"
_FILTERS = ("created_after", "created_before", "source")


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictionRoutes:
    """The routes of predictions.

    Args:
        inline: whether blocking answers carry output files as data: URLs: `on`, `off`, or
            `auto` for only where the client came by plain http.
        body_limit_bytes: the longest request body taken.
    """

    predictions: Predictions
    catalogue: Catalogue
    validator: InputValidator
    wire: Wire
    inline: str
    body_limit_bytes: int

    def routes(self) -> list[Route]:
        """Paths relative to the API's mount."""
        return [
            Route("/predictions", self.create, methods=["POST"]),
            Route("/predictions", self.list_page, methods=["GET"]),
            Route("/predictions/{id}", self.get, methods=["GET"]),
            Route("/predictions/{id}/cancel", self.cancel, methods=["POST"]),
            Route("/models/{owner}/{name}/predictions", self.create_by_model, methods=["POST"]),
        ]

    async def create(self, request: Request) -> Response:
        """Run the version that the body names."""
        document = await self._document(request)
        version = document.get("version")
        if not isinstance(version, str):
            self.validator.check_envelope(document)
        model, runnable = self.catalogue.resolve(cast("str", version))
        self.validator.check(runnable, document, with_version=True)
        return await self._created(request, document, model, runnable)

    async def create_by_model(self, request: Request) -> Response:
        """Run the latest version of the model that the path names."""
        document = await self._document(request)
        model = self.catalogue.model(request.path_params["owner"], request.path_params["name"])
        self.validator.check(model.latest, document, with_version=False)
        return await self._created(request, document, model, model.latest)

    async def get(self, request: Request) -> Response:
        """One prediction."""
        id_ = PredictionId(request.path_params["id"])
        found = await self.predictions.get(id_, caller(request).owner)
        return json_answer(await self.wire.prediction(found, site(request)))

    async def cancel(self, request: Request) -> Response:
        """Cancel; the body, if any, does not matter."""
        id_ = PredictionId(request.path_params["id"])
        canceled = await self.predictions.cancel(id_, caller(request).owner)
        return json_answer(await self.wire.prediction(canceled, site(request)))

    async def list_page(self, request: Request) -> Response:
        """A page of the caller's predictions, newest first."""
        query = request.query_params
        edge = _cursor(query.get("cursor"))
        page = Page(
            size=PAGE_SIZE + 1,
            before=edge.get("b"),
            after=edge.get("a"),
            created_from=_ms(reading.instant_ms("created_after", query.get("created_after"))),
            created_until=_ms(reading.instant_ms("created_before", query.get("created_before"))),
        )
        found = await self.predictions.page(caller(request).owner, page)
        here = site(request)
        shown = _window(found, page)
        filters = {name: query[name] for name in _FILTERS if name in query}
        return json_answer(
            {
                "next": _link(here, filters, "b", shown[-1].id) if _goes_on(found, page) else None,
                "previous": _link(here, filters, "a", shown[0].id) if _back(found, page) else None,
                "results": [await self.wire.prediction(one, here) for one in shown],
            }
        )

    async def _document(self, request: Request) -> Mapping[str, Json]:
        data = await reading.body(request, self.body_limit_bytes)
        document = reading.json(data)
        if not isinstance(document, dict):
            self.validator.check_envelope(document)
            raise MalformedRequest("The request body must be a JSON object")
        return document

    async def _created(
        self, request: Request, document: Mapping[str, Json], model: Model, version: Version
    ) -> Response:
        preference = request.headers.get("prefer")
        wait = reading.wait_seconds(preference)
        created = await self.predictions.create(
            _new(request, document, model, version), wait_seconds=wait
        )
        here = site(request)
        timed_out = wait is not None and not created.ended
        shown = await self.wire.prediction(
            created.prediction,
            here,
            timed_out=timed_out,
            inline=created.ended and self._inlines(here),
        )
        headers = {"Location": shown.urls.get}
        if wait is not None and preference is not None:
            headers["Preference-Applied"] = preference
        return json_answer(shown, status=202 if timed_out else 201, headers=headers)

    def _inlines(self, here: Site) -> bool:
        if self.inline == "auto":
            return here.origin.startswith("http:")
        return self.inline == "on"


def _new(
    request: Request, document: Mapping[str, Json], model: Model, version: Version
) -> NewPrediction:
    input_ = cast("Mapping[str, Json]", document["input"])
    text = msgspec.json.encode(input_).decode()
    token = str(request.scope["darkroom.token"])
    if token in text:
        input_ = cast("Mapping[str, Json]", _redacted(input_, token))
        text = msgspec.json.encode(input_).decode()
    legacy = document.get("webhook_completed")
    events = document.get("webhook_events_filter") or ()
    return NewPrediction(
        owner=caller(request).owner,
        model=model,
        version=version,
        input=input_,
        input_text=JsonText(text),
        webhook=cast("str | None", document.get("webhook") or legacy),
        webhook_events=cast("Sequence[str]", events) or (("completed",) if legacy else ()),
        cancel_after_ms=reading.cancel_after_ms(request.headers.get("cancel-after")),
    )


def _redacted(value: Json, token: str) -> Json:
    """*value* without the caller's own key, which people paste into prompts and URLs."""
    if isinstance(value, str):
        return REDACTED if token in value else value
    if isinstance(value, Mapping):
        return {name: _redacted(one, token) for name, one in value.items()}
    if isinstance(value, Sequence):
        return [_redacted(one, token) for one in value]
    return value


def _ms(value: int | None) -> Milliseconds | None:
    return None if value is None else Milliseconds(value)


def _cursor(text: str | None) -> Mapping[str, PredictionId]:
    """An edge by direction: `b` for before it, `a` for after it."""
    if text is None:
        return {}
    try:
        direction, _, id_ = base64.urlsafe_b64decode(text + "==").decode("ascii").partition("=")
    except ValueError:
        direction, id_ = "", ""
    if direction not in ("a", "b") or not id_:
        raise NotFound(NOT_FOUND)
    return {direction: PredictionId(id_)}


def _link(here: Site, filters: Mapping[str, str], direction: str, id_: PredictionId) -> str:
    cursor = base64.urlsafe_b64encode(f"{direction}={id_}".encode()).decode().rstrip("=")
    return here.api(f"/predictions?{urlencode({**filters, 'cursor': cursor})}")


def _window(found: Sequence[Prediction], page: Page) -> Sequence[Prediction]:
    """What is shown of a page that was asked for with one more at its far end."""
    if len(found) < page.size:
        return found
    return found[1:] if page.after is not None else found[:-1]


def _goes_on(found: Sequence[Prediction], page: Page) -> bool:
    return bool(found) if page.after is not None else len(found) == page.size


def _back(found: Sequence[Prediction], page: Page) -> bool:
    if page.after is not None:
        return len(found) == page.size
    return page.before is not None and bool(found)
