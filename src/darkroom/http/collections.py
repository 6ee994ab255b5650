"""Collections: one, with the models that ship.

Source: Replicate's published OpenAPI description of collections; its Python client needs a
description of each.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from darkroom.domain.errors import NotFound
from darkroom.domain.model import Model, Origin
from darkroom.http.answers import json_answer, route, site
from darkroom.http.model_wire import ModelWire
from darkroom.http.paging import EMPTY_PAGE
from darkroom.service.catalogue import Catalogue

BUILT_IN: Mapping[str, str] = {
    "name": "Built-in models",
    "slug": "built-in",
    "description": "The models that ship with darkroom.",
}
_FULL = (
    "# Built-in models\n\nEvery darkroom server has these. The operator may change what one of them"
    " runs; its inputs stay the same.\n"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectionRoutes:
    """The collections."""

    catalogue: Catalogue
    wire: ModelWire

    def routes(self) -> list[Route]:
        """The routes, relative to the mount of the API."""
        return [
            route("/collections", self.list_collections),
            route("/collections/{slug}", self.get_collection),
        ]

    async def list_collections(self, request: Request) -> Response:  # noqa: ARG002  # Starlette's signature
        """All collections on one page."""
        return json_answer({**EMPTY_PAGE, "results": [BUILT_IN]})

    async def get_collection(self, request: Request) -> Response:
        """A collection with its models."""
        if request.path_params["slug"] != BUILT_IN["slug"]:
            raise NotFound("There is no such collection")
        models = [self.wire.model(one, site(request)) for one in built_in_models(self.catalogue)]
        return json_answer({**BUILT_IN, "full_description": _FULL, "models": models})


def built_in_models(catalogue: Catalogue) -> Sequence[Model]:
    """The models that ship, the newest first."""
    return [one for one in catalogue.models() if one.origin is Origin.SHIPPED]
