"""Models and versions: listed, looked at.

Source: Replicate's published OpenAPI description of models.
"""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import parse_qsl, urlencode

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from darkroom.domain.errors import InvalidField, InvalidInput, NotFound
from darkroom.domain.model import Model
from darkroom.http.answers import Site, caller, json_answer, route, site
from darkroom.http.model_wire import ModelWire, asked_model, asked_version
from darkroom.http.paging import EMPTY_PAGE
from darkroom.service.catalogue import Catalogue, newest_at

PAGE_SIZE = 25
SORT_KEYS = ("latest_version_created_at", "model_created_at")
SORT_DIRECTIONS = ("desc", "asc")

_Place: TypeAlias = tuple[int, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRoutes:
    """What the API tells of the catalogue."""

    catalogue: Catalogue
    wire: ModelWire

    def routes(self) -> list[Route]:
        """The routes, relative to the mount of the API."""
        model = "/models/{owner}/{name}"
        return [
            route("/models", self.list_models),
            route(model, self.get_model),
            route(f"{model}/readme", self.readme),
            route(f"{model}/examples", self.examples),
            route(f"{model}/versions", self.list_versions),
            route(f"{model}/versions/{{version_id}}", self.get_version),
        ]

    async def list_models(self, request: Request) -> Response:
        """One page of models, unless asked otherwise those with the newest version first."""
        order, at = _Order.of(request), site(request)
        models = order.put(self.catalogue.models(caller(request).owner))
        start = order.start(models, request.query_params.get("cursor"))
        end = start + PAGE_SIZE
        page = [self.wire.model(one, at) for one in models[start:end]]
        following = order.link(at, models[end]) if end < len(models) else None
        previous = order.link(at, models[max(start - PAGE_SIZE, 0)]) if start else None
        return json_answer({"next": following, "previous": previous, "results": page})

    async def get_model(self, request: Request) -> Response:
        """One model."""
        return json_answer(self.wire.model(asked_model(self.catalogue, request), site(request)))

    async def readme(self, request: Request) -> Response:
        """A model's README, as Markdown."""
        model = asked_model(self.catalogue, request)
        if not model.readme:
            raise NotFound(f"{model.path} has no README")
        return PlainTextResponse(model.readme)

    async def examples(self, request: Request) -> Response:
        """A model's examples: none are kept."""
        asked_model(self.catalogue, request)
        return json_answer(EMPTY_PAGE)

    async def list_versions(self, request: Request) -> Response:
        """A model's versions; an official model shows none, so that clients call it by name."""
        model = asked_model(self.catalogue, request)
        shown = [] if model.official else [self.wire.version(one) for one in model.versions]
        return json_answer({**EMPTY_PAGE, "results": shown})

    async def get_version(self, request: Request) -> Response:
        """One version, an official model's too."""
        model = asked_model(self.catalogue, request)
        return json_answer(self.wire.version(asked_version(model, request)))


@dataclass(frozen=True, slots=True)
class _Order:
    """How a list of models is sorted."""

    key: str
    direction: str

    @classmethod
    def of(cls, request: Request) -> "_Order":
        return cls(
            key=_choice(request, "sort_by", SORT_KEYS),
            direction=_choice(request, "sort_direction", SORT_DIRECTIONS),
        )

    def put(self, models: Sequence[Model]) -> Sequence[Model]:
        return sorted(models, key=self._place, reverse=self.direction == "asc")

    def _place(self, model: Model) -> _Place:
        at = model.created_at if self.key == "model_created_at" else newest_at(model)
        return -at, model.path

    def link(self, at: Site, first: Model) -> str:
        """The address of the page that begins with *first*, or what follows where it is gone."""
        moment, path = self._place(first)
        cursor = base64.b64encode(urlencode({"t": -moment, "p": path}).encode()).decode()
        asked = {"sort_by": self.key, "sort_direction": self.direction, "cursor": cursor}
        return at.api(f"/models?{urlencode(asked)}")

    def start(self, models: Sequence[Model], cursor: str | None) -> int:
        """The index that *cursor* means.

        Raises:
            NotFound: it is not one of ours.
        """
        if not cursor:
            return 0
        try:
            position = dict(parse_qsl(base64.b64decode(cursor, validate=True).decode()))
            place = -int(position["t"]), position["p"]
        except (binascii.Error, ValueError, KeyError) as error:
            raise NotFound("Invalid cursor") from error
        asc = self.direction == "asc"
        before = (self._place(one) > place if asc else self._place(one) < place for one in models)
        return sum(before)


def _choice(request: Request, name: str, choices: Sequence[str]) -> str:
    """A query parameter that is one of *choices*; without it the first."""
    value = request.query_params.get(name, choices[0])
    if value not in choices:
        quoted = ", ".join(f'"{one}"' for one in choices)
        words = f"{name} must be one of the following: {quoted}"
        raise InvalidInput([InvalidField(type="enum", field=name, description=words)])
    return value
