"""What is loaded where, and the verbs that have a model loaded or kept; for administrators."""

from collections.abc import Callable
from dataclasses import dataclass

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from darkroom.domain.errors import NotAllowed, NotFound
from darkroom.domain.ids import Owner
from darkroom.domain.model import Version
from darkroom.http.answers import Handler, caller, json_answer, route
from darkroom.service.catalogue import Catalogue
from darkroom.service.pins import Pins, Standing

_FOR_ADMINISTRATORS = "What is loaded is for administrators; use an admin key."


class WireStanding(msgspec.Struct, frozen=True):
    """A version and where it is loaded; `pinned` is `file`, `verb` or null."""

    model: str
    version: str
    pool: str
    pinned: str | None
    workers: list[str]
    loaded: list[str]
    troubles: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class PinRoutes:
    """The routes of what is loaded and kept."""

    pins: Pins
    catalogue: Catalogue

    def administration(self) -> list[Route]:
        """Paths relative to `/api`."""
        model = "/models/{owner}/{name}"
        return [
            route("/loaded", self.list_all),
            route(f"{model}/warm", self._verb(self.pins.warm), method="POST"),
            route(f"{model}/pin", self._verb(self.pins.pin), method="POST"),
            route(f"{model}/unpin", self._verb(self.pins.unpin), method="POST"),
        ]

    async def list_all(self, request: Request) -> Response:
        """Every version that is loaded, pinned or could not be loaded."""
        _admit(request)
        return json_answer({"results": [_wire(one) for one in self.pins.standings()]})

    def _verb(self, do: Callable[[Version], Standing]) -> Handler:
        async def answer(request: Request) -> Response:
            _admit(request)
            return json_answer(_wire(do(self._version(request))))

        return answer

    def _version(self, request: Request) -> Version:
        """What the path names: a model's latest version, or the one in the query.

        Raises:
            NotFound: there is none.
            VersionNotRunnable: the model has no version.
        """
        owner, name = request.path_params["owner"], request.path_params["name"]
        model = self.catalogue.model(owner, name, caller=Owner(owner))
        wanted = request.query_params.get("version")
        if wanted is None:
            return model.latest
        for one in model.versions:
            if one.id == wanted:
                return one
        raise NotFound(f"{model.path} has no such version")


def _admit(request: Request) -> None:
    """Raise NotAllowed unless the key is an administrator's."""
    if not caller(request).admin:
        raise NotAllowed(_FOR_ADMINISTRATORS)


def _wire(standing: Standing) -> WireStanding:
    return WireStanding(
        model=standing.version.model,
        version=standing.version.id,
        pool=standing.version.pool,
        pinned=standing.pinned,
        workers=list(standing.workers),
        loaded=list(standing.loaded),
        troubles=dict(standing.troubles),
    )
