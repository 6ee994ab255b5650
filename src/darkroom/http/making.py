"""Models made, changed and deleted by their owners, and versions deleted.

Source: Replicate's published OpenAPI description of models, and recorded answers of its API.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from darkroom.domain.model import Json, Model, Origin, Visibility
from darkroom.domain.prediction import Milliseconds
from darkroom.http.answers import caller, json_answer, route, site
from darkroom.http.creating import Creations
from darkroom.http.model_wire import ModelWire, asked_model, asked_version
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
        empty = Model(
            owner=str(told["owner"]),
            name=str(told["name"]),
            description="",
            official=False,
            versions=(),
            created_at=Milliseconds(0),
            origin=Origin.MADE,
            hardware=str(told["hardware"]),
        )
        who = caller(request)
        made = await self.models.create(_changed(empty, told), by=who.owner, admin=who.admin)
        return json_answer(self.wire.model(made, site(request)), status=201)

    async def change(self, request: Request) -> Response:
        """Change what a model tells of itself; what is not named stays."""
        told = (await self.creations.checked(request, "ModelChange")).document
        changed = _changed(asked_model(self.models.catalogue, request), told)
        kept = await self.models.change(changed, by=caller(request).owner)
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


def _changed(model: Model, told: Mapping[str, Json]) -> Model:
    """*model* with what a checked body tells of it; null empties."""

    def text(name: str, known: str | None) -> str | None:
        value = told.get(name, known)
        return value if isinstance(value, str) and value else None

    return replace(
        model,
        visibility=Visibility(str(told.get("visibility", model.visibility))),
        description=text("description", model.description) or "",
        readme=text("readme", model.readme) or "",
        github_url=text("github_url", model.github_url),
        paper_url=text("paper_url", model.paper_url),
        license_url=text("license_url", model.license_url),
        cover_image_url=text("cover_image_url", model.cover_image_url),
        weights_url=text("weights_url", model.weights_url),
    )
