"""Create, get, list and cancel predictions."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from darkroom.domain.errors import InvalidField, InvalidInput, NotFound, VersionNotRunnable
from darkroom.domain.ids import PredictionId
from darkroom.domain.model import Json, Model, Version
from darkroom.domain.prediction import Milliseconds, Prediction
from darkroom.http import reading
from darkroom.http.answers import Site, caller, json_answer, route, site
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
        body_seconds: how long a body may take to arrive.
    """

    predictions: Predictions
    catalogue: Catalogue
    validator: InputValidator
    wire: Wire
    inline: str
    body_limit_bytes: int
    body_seconds: float = reading.BODY_SECONDS

    def routes(self) -> list[Route]:
        """Paths relative to the API's mount."""
        return [
            route("/predictions", self.create, method="POST"),
            route("/predictions", self.list_page),
            route("/predictions/{id}", self.get),
            route("/predictions/{id}/cancel", self.cancel, method="POST"),
            route("/models/{owner}/{name}/predictions", self.create_by_model, method="POST"),
        ]

    async def create(self, request: Request) -> Response:
        """Run the version that the body names."""
        body = await self._body(request)
        model, runnable = self._named(body.document)
        self.validator.check(runnable, body.document, with_version=True)
        return await self._created(request, body, model, runnable)

    async def create_by_model(self, request: Request) -> Response:
        """Run the latest version of the model that the path names."""
        body = await self._body(request)
        model = self.catalogue.model(request.path_params["owner"], request.path_params["name"])
        self.validator.check(model.latest, body.document, with_version=False)
        return await self._created(request, body, model, model.latest)

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

    async def _body(self, request: Request) -> "_Body":
        data = await reading.body(request, self.body_limit_bytes, seconds=self.body_seconds)
        document = reading.json(data)
        if not isinstance(document, dict):
            self.validator.check_envelope(document)
            raise MalformedRequest("The request body must be a JSON object")
        return _Body(data, document)

    def _named(self, document: Mapping[str, Json]) -> tuple[Model, Version]:
        """The version a body names; if there is none, whatever else is wrong is told with it."""
        version = document.get("version")
        if not isinstance(version, str):
            self.validator.check_envelope(document)
            raise MalformedRequest("The version must be a string")
        try:
            return self.catalogue.resolve(version)
        except VersionNotRunnable as unknown:
            own = InvalidField(type="version", field="version", description=str(unknown))
            try:
                self.validator.check_envelope(document)
            except InvalidInput as rest:
                raise InvalidInput([own, *rest.fields]) from unknown
            raise

    async def _created(
        self, request: Request, body: "_Body", model: Model, version: Version
    ) -> Response:
        preference = request.headers.get("prefer")
        wait = reading.wait_seconds(preference)
        created = await self.predictions.create(
            _new(request, body, model, version), wait_seconds=wait
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


@dataclass(frozen=True, slots=True)
class _Body:
    """A request's body as it came and as it reads."""

    data: bytes
    document: Mapping[str, Json]


def _new(request: Request, body: _Body, model: Model, version: Version) -> NewPrediction:
    document = body.document
    input_ = document.get("input")
    assert isinstance(input_, Mapping)  # noqa: S101  # the validator has seen to it
    token = str(request.scope["darkroom.token"])
    # A key without a trace in the bytes can only be there spelled with escapes.
    if token.encode("latin-1") in body.data or b"\\" in body.data:
        input_ = {_kept(name, token): _redacted(one, token) for name, one in input_.items()}
    webhook, legacy = document.get("webhook"), document.get("webhook_completed")
    address = webhook or legacy
    events = document.get("webhook_events_filter")
    return NewPrediction(
        owner=caller(request).owner,
        model=model,
        version=version,
        input=input_,
        webhook=address if isinstance(address, str) else None,
        webhook_events=_texts(events) or (() if webhook or not legacy else ("completed",)),
        cancel_after_ms=reading.cancel_after_ms(request.headers.get("cancel-after")),
    )


def _texts(value: Json) -> Sequence[str]:
    if isinstance(value, str) or not isinstance(value, Sequence):
        return ()
    return [one for one in value if isinstance(one, str)]


def _redacted(value: Json, token: str) -> Json:
    """*value* without the caller's own key, which people paste into prompts and URLs."""
    if isinstance(value, str):
        return _kept(value, token)
    if isinstance(value, Mapping):
        return {_kept(name, token): _redacted(one, token) for name, one in value.items()}
    if isinstance(value, Sequence):
        return [_redacted(one, token) for one in value]
    return value


def _kept(text: str, token: str) -> str:
    return REDACTED if token in text else text


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
