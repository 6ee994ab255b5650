"""Trainings: predictions of a version's trainer that make a version of the caller's own model.

Source: Replicate's published OpenAPI description of trainings, and recorded exchanges of
replicate/replicate-python.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from darkroom.domain.errors import InvalidField, InvalidInput, NotFound
from darkroom.domain.ids import PredictionId
from darkroom.domain.model import Json, Model, Version
from darkroom.domain.prediction import Prediction
from darkroom.http.answers import caller, json_answer, route, site
from darkroom.http.creating import Creations, Target
from darkroom.http.model_wire import asked_model, asked_version
from darkroom.http.paging import Cut
from darkroom.http.problems import MalformedRequest
from darkroom.http.wire import Wire
from darkroom.ports.predictions import Page
from darkroom.ports.serving import InputValidator
from darkroom.service.models import Models
from darkroom.service.predictions import Predictions

NO_DESTINATION = "The specified training destination does not exist"
"""Source: the recorded 404 answer of Replicate's API."""

_DESTINATION: Mapping[str, Json] = {
    "type": "object",
    "required": ["destination"],
    "properties": {"destination": {"type": "string"}},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingRoutes:
    """The routes of trainings. The same id answers under `/predictions` too."""

    models: Models
    predictions: Predictions
    validator: InputValidator
    wire: Wire
    creations: Creations

    def routes(self) -> list[Route]:
        """Paths relative to the API's mount."""
        version = "/models/{owner}/{name}/versions/{version_id}"
        return [
            route(f"{version}/trainings", self.create, method="POST"),
            route("/trainings", self.list_page),
            route("/trainings/{id}", self.get),
            route("/trainings/{id}/cancel", self.cancel, method="POST"),
        ]

    async def create(self, request: Request) -> Response:
        """Train a version; what comes of it is a version of the destination."""
        model = asked_model(self.models.catalogue, request)
        trainer = self.models.trainer(model, asked_version(model, request))
        body = await self.creations.body(request)
        destination = self._destination(request, trainer, body.document)
        target = Target(model=model, version=trainer, destination=destination.path)
        return await self.creations.answer(request, body, target)

    async def get(self, request: Request) -> Response:
        """One training."""
        found = await self._asked(request)
        return json_answer(await self.wire.training(found, site(request)))

    async def cancel(self, request: Request) -> Response:
        """Cancel; the body, if any, does not matter."""
        found = await self._asked(request)
        canceled = await self.predictions.cancel(found.id, caller(request).owner)
        return json_answer(await self.wire.training(canceled, site(request)))

    async def list_page(self, request: Request) -> Response:
        """A page of the caller's trainings, newest first."""
        cut = Cut.of(request)
        before, after = cut.edges(PredictionId)
        page = Page(size=cut.wanted, before=before, after=after, trainings=True)
        found = await self.predictions.page(caller(request).owner, page)
        here = site(request)
        shown = [await self.wire.training(one, here) for one in cut.shown(found)]
        return json_answer({**cut.links(found, here, "/trainings"), "results": shown})

    async def _asked(self, request: Request) -> Prediction:
        id_ = PredictionId(request.path_params["id"])
        found = await self.predictions.get(id_, caller(request).owner)
        if found.destination is None:
            raise NotFound(f"{id_} is a prediction and no training")
        return found

    def _destination(
        self, request: Request, trainer: Version, document: Mapping[str, Json]
    ) -> Model:
        """The model that a body names as its destination, once everything else in it is right."""
        rest = {name: value for name, value in document.items() if name != "destination"}
        wanted = document.get("destination")
        if not isinstance(wanted, str):
            nowhere = _faults(lambda: self.validator.check_body(_DESTINATION, document))
            others = _faults(lambda: self.validator.check(trainer, rest, with_version=False))
            raise InvalidInput([*nowhere, *others])
        try:
            destination = self.models.destination(wanted, by=caller(request).owner)
        except NotFound as error:
            raise MalformedRequest(NO_DESTINATION, status=404) from error
        self.validator.check(trainer, rest, with_version=False)
        return destination


def _faults(check: Callable[[], None]) -> Sequence[InvalidField]:
    try:
        check()
    except InvalidInput as error:
        return error.fields
    return ()
