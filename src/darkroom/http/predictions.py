"""Create, get, list and cancel predictions."""

from collections.abc import Mapping
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from darkroom.domain.errors import InvalidField, InvalidInput, VersionNotRunnable
from darkroom.domain.ids import PredictionId
from darkroom.domain.model import Json, Model, Version
from darkroom.domain.prediction import Milliseconds
from darkroom.http import reading
from darkroom.http.answers import caller, json_answer, route, site
from darkroom.http.creating import Creations, Target
from darkroom.http.model_wire import asked_model
from darkroom.http.paging import Cut
from darkroom.http.problems import MalformedRequest
from darkroom.http.wire import Wire
from darkroom.ports.predictions import Page
from darkroom.ports.serving import InputValidator
from darkroom.service.catalogue import Catalogue
from darkroom.service.predictions import Predictions

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
        model, runnable = self._named(request, body.document)
        self.validator.check(runnable, body.document, with_version=True)
        return await self.creations.answer(request, body, Target(model=model, version=runnable))

    async def create_by_model(self, request: Request) -> Response:
        """Run the latest version of the model that the path names."""
        body = await self.creations.body(request)
        model = asked_model(self.catalogue, request)
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
        cut = Cut.of(request)
        before, after = cut.edges(PredictionId)
        page = Page(
            size=cut.wanted,
            before=before,
            after=after,
            created_from=_ms(reading.instant_ms("created_after", query.get("created_after"))),
            created_until=_ms(reading.instant_ms("created_before", query.get("created_before"))),
        )
        found = await self.predictions.page(caller(request).owner, page)
        here = site(request)
        filters = {name: query[name] for name in _FILTERS if name in query}
        return json_answer(
            {
                **cut.links(found, here, "/predictions", filters),
                "results": [await self.wire.prediction(one, here) for one in cut.shown(found)],
            }
        )

    def _named(self, request: Request, document: Mapping[str, Json]) -> tuple[Model, Version]:
        """The version a body names; if there is none, whatever else is wrong is told with it."""
        version = document.get("version")
        if not isinstance(version, str):
            self.validator.check_envelope(document)
            raise MalformedRequest("The version must be a string")
        try:
            return self.catalogue.resolve(version, caller=caller(request).owner)
        except VersionNotRunnable as unknown:
            own = InvalidField(type="version", field="version", description=str(unknown))
            try:
                self.validator.check_envelope(document)
            except InvalidInput as rest:
                raise InvalidInput([own, *rest.fields]) from unknown
            raise


def _ms(value: int | None) -> Milliseconds | None:
    return None if value is None else Milliseconds(value)
