"""Routes and middleware put together."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from darkroom.domain.errors import NotFound
from darkroom.domain.ids import PredictionId
from darkroom.domain.model import Json
from darkroom.http.account import AccountRoutes
from darkroom.http.answers import Site, json_answer, route
from darkroom.http.collections import CollectionRoutes
from darkroom.http.creating import Creations
from darkroom.http.deployments import DeploymentRoutes
from darkroom.http.edge import Authenticator, Edge, Hosts
from darkroom.http.files import FileRoutes
from darkroom.http.making import MakingRoutes
from darkroom.http.model_wire import ModelWire
from darkroom.http.models import ModelRoutes
from darkroom.http.openai.images import ImageRoutes
from darkroom.http.pages import Look, PageRoutes
from darkroom.http.paths import Paths
from darkroom.http.pins import PinRoutes
from darkroom.http.pools import PoolRoutes
from darkroom.http.predictions import PredictionRoutes
from darkroom.http.previews import PreviewRoutes
from darkroom.http.problems import NOT_FOUND, problem
from darkroom.http.reading import BODY_SECONDS
from darkroom.http.searching import SearchRoutes
from darkroom.http.stream import StreamRoutes
from darkroom.http.trainings import TrainingRoutes
from darkroom.http.uploads import UploadRoutes
from darkroom.http.webhooks import WebhookRoutes
from darkroom.http.wire import Wire, as_dict
from darkroom.http.worker_files import WorkerFileRoutes
from darkroom.http.worker_sockets import WorkerSockets
from darkroom.ports.files import Blobs
from darkroom.ports.predictions import Attempts
from darkroom.ports.serving import InputValidator
from darkroom.service.capabilities import Capabilities
from darkroom.service.catalogue import Catalogue
from darkroom.service.deliveries import Deliveries
from darkroom.service.deployments import Deployments
from darkroom.service.limits import Guesses, Rates, Searches
from darkroom.service.models import Models
from darkroom.service.pins import Pins
from darkroom.service.pools import Demand
from darkroom.service.predictions import Predictions
from darkroom.service.search import Search
from darkroom.service.uploads import Uploads
from darkroom.service.webhook_secrets import WebhookSecrets

Application: TypeAlias = ASGIApp


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What the routes stand on. `ready` gives a reason for not being ready, or None."""

    predictions: Predictions
    catalogue: Catalogue
    deployments: Deployments
    models: Models
    validator: InputValidator
    capabilities: Capabilities
    attempts: Attempts
    blobs: Blobs
    uploads: Uploads
    wire: Wire
    deliveries: Deliveries
    webhook_secrets: WebhookSecrets
    keys: Authenticator
    rates: Rates
    guesses: Guesses
    searches: Searches
    workers: WorkerSockets
    worker_files: WorkerFileRoutes
    demand: Demand
    pins: Pins
    ready: Callable[[], str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How the application presents itself; each is the setting of that name, if there is one."""

    allowed_hosts: Sequence[str]
    public_url: str | None
    inline_outputs: str
    body_limit_bytes: int
    private_pages: bool
    openai_model: str | None = None
    openai_wait_seconds: float = 590.0
    body_seconds: float = BODY_SECONDS


def create_app(parts: Parts, manner: Manner) -> Application:
    """The whole application."""
    return Edge(
        Paths(routes(parts, manner), redirect_slashes=False, default=_nothing),
        keys=parts.keys,
        rates=parts.rates,
        guesses=parts.guesses,
        searches=parts.searches,
        hosts=Hosts(frozenset(manner.allowed_hosts)),
        public_url=manner.public_url,
    )


def routes(parts: Parts, manner: Manner) -> list[BaseRoute]:
    """Every route: the API under `/v1`, administration under `/api`."""
    webhooks = WebhookRoutes(
        predictions=parts.predictions, deliveries=parts.deliveries, secrets=parts.webhook_secrets
    )
    streams = StreamRoutes(predictions=parts.predictions, capabilities=parts.capabilities)
    previews = PreviewRoutes(predictions=parts.predictions, private=manner.private_pages)
    uploads = UploadRoutes(uploads=parts.uploads, blobs=parts.blobs, follow=streams.follow)
    api: list[BaseRoute] = [
        *_creating(parts, manner),
        *streams.routes(),
        *uploads.routes(),
        *webhooks.routes(),
    ]
    administration = [
        *webhooks.administration(),
        *uploads.administration(),
        *previews.administration(),
        *parts.workers.routes(),
        *parts.worker_files.routes(),
        *PoolRoutes(demand=parts.demand).administration(),
        *PinRoutes(pins=parts.pins, catalogue=parts.catalogue).administration(),
    ]
    files = FileRoutes(capabilities=parts.capabilities, attempts=parts.attempts, blobs=parts.blobs)
    pages = PageRoutes(_look(parts), parts.catalogue.models, private=manner.private_pages)
    health = _Health(parts.ready)
    return [
        Mount("/v1", Paths(api, redirect_slashes=False, default=_nothing)),
        Mount("/api", Paths(administration, redirect_slashes=False, default=_nothing)),
        *files.routes(),
        *health.routes(),
        *previews.routes(),
        *pages.routes(),
    ]


def _creating(parts: Parts, manner: Manner) -> list[Route]:
    """Whatever makes predictions, and the models that they run."""
    creations = Creations(
        predictions=parts.predictions,
        validator=parts.validator,
        wire=parts.wire,
        inline=manner.inline_outputs,
        body_limit_bytes=manner.body_limit_bytes,
        body_seconds=manner.body_seconds,
    )
    predictions = PredictionRoutes(
        predictions=parts.predictions,
        catalogue=parts.catalogue,
        validator=parts.validator,
        wire=parts.wire,
        creations=creations,
    )
    deployments = DeploymentRoutes(
        deployments=parts.deployments, validator=parts.validator, creations=creations
    )
    images = ImageRoutes(
        creations=creations,
        catalogue=parts.catalogue,
        validator=parts.validator,
        wire=parts.wire,
        rates=parts.rates,
        model=manner.openai_model,
        wait_seconds=manner.openai_wait_seconds,
    )
    return [
        *predictions.routes(),
        *deployments.routes(),
        *images.routes(),
        *_models(parts, creations),
    ]


def _models(parts: Parts, creations: Creations) -> list[Route]:
    """Models and what belongs to them."""
    catalogue, validator = parts.catalogue, parts.validator
    wire = ModelWire(parts.models.runs.of)
    making = MakingRoutes(models=parts.models, wire=wire, creations=creations)
    trainings = TrainingRoutes(
        models=parts.models,
        predictions=parts.predictions,
        validator=validator,
        wire=parts.wire,
        creations=creations,
    )
    return [
        *ModelRoutes(catalogue=catalogue, wire=wire).routes(),
        *making.routes(),
        *trainings.routes(),
        *SearchRoutes(catalogue=catalogue, wire=wire, finder=Search(catalogue)).routes(),
        *CollectionRoutes(catalogue=catalogue, wire=wire).routes(),
        *AccountRoutes(hardware=parts.models.hardware).routes(),
    ]


def _look(parts: Parts) -> Look:
    async def look(id_: PredictionId, here: Site) -> Mapping[str, Json] | None:
        found = await parts.predictions.look(id_)
        return None if found is None else as_dict(await parts.wire.prediction(found, here))

    return look


class _Health:
    """Alive, and ready for work."""

    def __init__(self, ready: Callable[[], str | None]) -> None:
        self._ready = ready

    def routes(self) -> list[Route]:
        return [route("/healthz", self._alive), route("/readyz", self._prepared)]

    async def _alive(self, request: Request) -> Response:  # noqa: ARG002  # Starlette's signature
        return json_answer({"status": "ok"})

    async def _prepared(self, request: Request) -> Response:  # noqa: ARG002
        reason = self._ready()
        if reason is not None:
            return problem(503, reason, title="Not ready", headers={"Retry-After": "1"})
        return json_answer({"status": "ready"})


async def _nothing(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001  # ASGI's signature
    raise NotFound(NOT_FOUND)
