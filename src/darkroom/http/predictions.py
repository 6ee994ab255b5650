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
from darkroom.http.creating import Creations, Target
from darkroom.http.problems import NOT_FOUND, MalformedRequest
from darkroom.http.wire import Wire
from darkroom.ports.predictions import Page
from darkroom.ports.serving import InputValidator
from darkroom.service.catalogue import Catalogue
from darkroom.service.predictions import Predictions

PAGE_SIZE = 100
_FILTERS = ("created_after", "created_before", "source")


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictionRoutes:
    """The routes of predictions."""

    predictions: Predictions
    catalogue: Catalogue
    validator: InputValidator
    wire: Wire
    creations: Creations

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
        body = await self.creations.body(request)
        model, runnable = self._named(body.document)
        self.validator.check(runnable, body.document, with_version=True)
        return await self.creations.answer(request, body, Target(model=model, version=runnable))

    async def create_by_model(self, request: Request) -> Response:
        """Run the latest version of the model that the path names."""
        body = await self.creations.body(request)
        model = self.catalogue.model(request.path_params["owner"], request.path_params["name"])
        self.validator.check(model.latest, body.document, with_version=False)
        return await self.creations.answer(request, body, Target(model=model, version=model.latest))

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
