"""Models, their versions and READMEs, and whose key this is.

Source: Replicate's published OpenAPI description, and what its Python client requires of a
model and of a version.
"""

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import parse_qsl, urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from darkroom.domain.errors import InvalidField, InvalidInput, NotFound
from darkroom.domain.model import Model, Version
from darkroom.domain.schema import openapi_schema
from darkroom.http.answers import Site, caller, json_answer, route, site
from darkroom.http.times import iso
from darkroom.service.catalogue import Catalogue

PAGE_SIZE = 25
COG_VERSION = "0.16.0"  # clients read versions below 0.3.9 in another way, and need some version
SORT_KEYS = ("latest_version_created_at", "model_created_at")
SORT_DIRECTIONS = ("desc", "asc")

RunCount: TypeAlias = Callable[[str], int]


def _uncounted(_path: str) -> int:
    return 0


class ModelRoutes:
    """What the API tells about the catalogue.

    Args:
        catalogue: the models of this server.
        run_count: how many predictions a model (`owner/name`) has had.
    """

    def __init__(self, catalogue: Catalogue, run_count: RunCount = _uncounted) -> None:
        self._catalogue = catalogue
        self._run_count = run_count
        self._schemas: dict[str, msgspec.Raw] = {}

    def routes(self) -> list[Route]:
        """The routes, relative to the mount of the API."""
        model = "/models/{owner}/{name}"
        return [
            route("/account", self.account),
            route("/models", self.list_models),
            route(model, self.get_model),
            route(f"{model}/readme", self.readme),
            route(f"{model}/versions", self.list_versions),
            route(f"{model}/versions/{{version_id}}", self.get_version),
        ]

    async def account(self, request: Request) -> Response:
        """Whose key came with the request."""
        owner = caller(request).owner
        return json_answer({"type": "user", "username": owner, "name": owner, "github_url": None})

    async def list_models(self, request: Request) -> Response:
        """One page of models, unless asked otherwise those with the newest version first."""
        order, at = _Order.of(request), site(request)
        models = order.put(self._catalogue.models())
        start = _start(models, request.query_params.get("cursor"))
        end = start + PAGE_SIZE
        page = [self._model(one, at) for one in models[start:end]]
        following = order.link(at, models[end]) if end < len(models) else None
        previous = order.link(at, models[max(start - PAGE_SIZE, 0)]) if start else None
        return json_answer({"next": following, "previous": previous, "results": page})

    async def get_model(self, request: Request) -> Response:
        """One model."""
        return json_answer(self._model(self._asked(request), site(request)))

    async def readme(self, request: Request) -> Response:
        """A model's README, as Markdown."""
        return PlainTextResponse(self._asked(request).readme)

    async def list_versions(self, request: Request) -> Response:
        """A model's versions; an official model shows none, so that clients call it by name."""
        model = self._asked(request)
        shown = [] if model.official else [self._version(model.latest)]
        return json_answer({"next": None, "previous": None, "results": shown})

    async def get_version(self, request: Request) -> Response:
        """One version, an official model's too."""
        model, wanted = self._asked(request), request.path_params["version_id"]
        if model.latest.id != wanted:
            raise NotFound(f"{model.path} has no such version")
        return json_answer(self._version(model.latest))

    def _asked(self, request: Request) -> Model:
        return self._catalogue.model(request.path_params["owner"], request.path_params["name"])

    def _model(self, model: Model, at: Site) -> dict[str, object]:
        return {
            "url": at.root(f"/{model.path}"),
            "owner": model.owner,
            "name": model.name,
            "description": model.description,
            "visibility": "public",
            "is_official": model.official,
            "github_url": model.github_url,
            "paper_url": model.paper_url,
            "license_url": model.license_url,
            "run_count": self._run_count(model.path),
            "cover_image_url": None,
            "default_example": None,
            "created_at": iso(model.latest.created_at),
            "latest_version": self._version(model.latest),
        }

    def _version(self, version: Version) -> dict[str, object]:
        schema = self._schemas.get(version.id)
        if schema is None:
            schema = msgspec.Raw(msgspec.json.encode(openapi_schema(version)))
            self._schemas[version.id] = schema
        return {
            "id": version.id,
            "created_at": iso(version.created_at),
            "cog_version": COG_VERSION,
            "openapi_schema": schema,
        }


@dataclass(frozen=True, slots=True)
class _Order:
    """How a list of models is sorted. Both keys mean the same here: a model has one version."""

    key: str
    direction: str

    @classmethod
    def of(cls, request: Request) -> "_Order":
        return cls(
            key=_choice(request, "sort_by", SORT_KEYS),
            direction=_choice(request, "sort_direction", SORT_DIRECTIONS),
        )

    def put(self, newest_first: Sequence[Model]) -> Sequence[Model]:
        return newest_first if self.direction == "desc" else newest_first[::-1]

    def link(self, at: Site, first: Model) -> str:
        """The address of the page that begins with *first*."""
        asked = {"sort_by": self.key, "sort_direction": self.direction, "cursor": _cursor(first)}
        return at.api(f"/models?{urlencode(asked)}")


def _choice(request: Request, name: str, choices: Sequence[str]) -> str:
    """A query parameter that is one of *choices*; without it the first."""
    value = request.query_params.get(name, choices[0])
    if value not in choices:
        quoted = ", ".join(f'"{one}"' for one in choices)
        words = f"{name} must be one of the following: {quoted}"
        raise InvalidInput([InvalidField(type="enum", field=name, description=words)])
    return value


def _cursor(first: Model) -> str:
    """Where a page begins, opaque to clients: the name of its first model."""
    position = {"p": first.path}
    return base64.b64encode(urlencode(position).encode()).decode()


def _start(models: Sequence[Model], cursor: str | None) -> int:
    """The index that *cursor* means.

    Raises:
        NotFound: it is not one of ours, or its model is gone.
    """
    if not cursor:
        return 0
    try:
        position = dict(parse_qsl(base64.b64decode(cursor, validate=True).decode()))
    except (binascii.Error, ValueError) as error:
        raise NotFound("Invalid cursor") from error
    for index, one in enumerate(models):
        if one.path == position.get("p"):
            return index
    raise NotFound("Invalid cursor")
