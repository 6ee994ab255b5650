"""Models made, changed and deleted by their owners, and versions deleted.

Source: Replicate's published OpenAPI description of models, and recorded answers of its API.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from darkroom.domain.model import Json, Model, Origin, Visibility
from darkroom.domain.prediction import Milliseconds
from darkroom.http.answers import caller, json_answer, route, site
from darkroom.http.creating import Creations
from darkroom.http.model_wire import ModelWire, asked_model, asked_version
from darkroom.ports.models import ModelChange
from darkroom.service.models import Models


@dataclass(frozen=True, slots=True, kw_only=True)
class MakingRoutes:
    """What owners do with their models."""

    models: Models
    wire: ModelWire
    creations: Creations

    def routes(self) -> list[Route]:
        """The routes, relative to the mount of the API."""
        model = "/models/{owner}/{name}"
        return [
            route("/models", self.create, method="POST"),
            route(model, self.change, method="PATCH"),
            route(model, self.delete, method="DELETE"),
            route(f"{model}/versions/{{version_id}}", self.delete_version, method="DELETE"),
        ]

    async def create(self, request: Request) -> Response:
        """Make a model without versions; trainings give it some."""
        told = (await self.creations.checked(request, "ModelCreation")).document
        who = caller(request)
        made = await self.models.create(_new(told), by=who.owner, admin=who.admin)
        return json_answer(self.wire.model(made, site(request)), status=201)

    async def change(self, request: Request) -> Response:
        """Change what a model tells of itself; what is not named stays."""
        told = (await self.creations.checked(request, "ModelChange")).document
        model = asked_model(self.models.catalogue, request)
        kept = await self.models.change(model, _change(told), by=caller(request).owner)
        return json_answer(self.wire.model(kept, site(request)))

    async def delete(self, request: Request) -> Response:
        """Delete a private model without versions."""
        model = asked_model(self.models.catalogue, request)
        await self.models.delete(model, by=caller(request).owner)
        return Response(status_code=204)

    async def delete_version(self, request: Request) -> Response:
        """Delete a version that nobody needs."""
        model = asked_model(self.models.catalogue, request)
        version = asked_version(model, request)
        await self.models.delete_version(model, version, by=caller(request).owner)
        return Response(status_code=202)


def _new(told: Mapping[str, Json]) -> Model:
    """The model without versions that a checked body tells of."""
    change = _change(told)
    return Model(
        owner=str(told["owner"]),
        name=str(told["name"]),
        description=change.description or "",
        official=False,
        versions=(),
        created_at=Milliseconds(0),
        origin=Origin.MADE,
        visibility=change.visibility or Visibility.PRIVATE,
        hardware=str(told["hardware"]),
        readme=change.readme or "",
        github_url=change.github_url or None,
        paper_url=change.paper_url or None,
        license_url=change.license_url or None,
        cover_image_url=change.cover_image_url or None,
        weights_url=change.weights_url or None,
    )


def _change(told: Mapping[str, Json]) -> ModelChange:
    """What a checked body tells of a model; null empties."""

    def text(name: str) -> str | None:
        return str(told[name] or "") if name in told else None

    return ModelChange(
        visibility=Visibility(str(told["visibility"])) if "visibility" in told else None,
        description=text("description"),
        readme=text("readme"),
        github_url=text("github_url"),
        paper_url=text("paper_url"),
        license_url=text("license_url"),
        cover_image_url=text("cover_image_url"),
        weights_url=text("weights_url"),
    )
