"""Replicate's JSON of models and versions.

Source: Replicate's published OpenAPI description, and what its Python client requires of a
model and of a version.
"""

from collections.abc import Callable, Mapping
from typing import TypeAlias

import msgspec
from starlette.requests import Request

from darkroom.domain.errors import NotFound
from darkroom.domain.model import Model, Version
from darkroom.domain.schema import openapi_schema
from darkroom.http.answers import Site, caller
from darkroom.http.times import iso
from darkroom.service.catalogue import Catalogue

COG_VERSION = "0.16.0"  # clients read versions below 0.3.9 in another way, and need some version

_MOST_SCHEMAS = 1024

RunCount: TypeAlias = Callable[[str], int]


class ModelWire:
    """Turns models and versions into what clients see.

    Args:
        run_count: how many predictions a model (`owner/name`) has had.
    """

    def __init__(self, run_count: RunCount) -> None:
        self._run_count = run_count
        self._schemas: dict[str, msgspec.Raw] = {}

    def model(self, model: Model, at: Site) -> Mapping[str, object]:
        """Spell a model, its latest version with it."""
        return {
            "url": at.root(f"/{model.path}"),
            "owner": model.owner,
            "name": model.name,
            "description": model.description or None,
            "visibility": model.visibility,
            "is_official": model.official,
            "github_url": model.github_url,
            "paper_url": model.paper_url,
            "license_url": model.license_url,
            "weights_url": model.weights_url,
            "run_count": self._run_count(model.path),
            "cover_image_url": model.cover_image_url,
            "default_example": None,
            "created_at": iso(model.created_at),
            "latest_version": self.version(model.versions[0]) if model.versions else None,
        }

    def version(self, version: Version) -> Mapping[str, object]:
        """Spell a version."""
        schema = self._schemas.get(version.id)
        if schema is None:
            schema = msgspec.Raw(msgspec.json.encode(openapi_schema(version)))
            if len(self._schemas) >= _MOST_SCHEMAS:
                del self._schemas[next(iter(self._schemas))]
            self._schemas[version.id] = schema
        return {
            "id": version.id,
            "created_at": iso(version.created_at),
            "cog_version": COG_VERSION,
            "openapi_schema": schema,
        }


def asked_model(catalogue: Catalogue, request: Request) -> Model:
    """The model that a request's path names.

    Raises:
        NotFound: there is none that its caller may see.
    """
    owner, name = request.path_params["owner"], request.path_params["name"]
    return catalogue.model(owner, name, caller=caller(request).owner)


def asked_version(model: Model, request: Request) -> Version:
    """The version of *model* that a request's path names.

    Raises:
        NotFound: it has none of that id, or none any more.
    """
    wanted = request.path_params["version_id"]
    for one in model.versions:
        if one.id == wanted:
            return one
    raise NotFound(f"{model.path} has no such version")
