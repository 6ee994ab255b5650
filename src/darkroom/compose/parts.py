"""The server's parts, made and joined; what they are for is their own business."""

import os
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from urllib.parse import urlsplit

from darkroom.compose.clock import SystemClock
from darkroom.compose.files import open_files
from darkroom.compose.hardware import installed
from darkroom.compose.keeping import Keeping, make_keeping
from darkroom.compose.models import make_models
from darkroom.compose.pools import make_demand
from darkroom.compose.sending import Sending, make_sending
from darkroom.compose.taking import Calls, make_calls, make_predictions
from darkroom.compose.turns import make_fairness, make_turns
from darkroom.compose.twins import Beside, make_beside
from darkroom.http.app import Manner, Parts
from darkroom.http.wire import Wire
from darkroom.http.worker_files import WorkerFileRoutes
from darkroom.http.worker_sockets import WorkerSockets
from darkroom.ports.files import Blobs
from darkroom.service.capabilities import Capabilities
from darkroom.service.catalogue import Catalogue, load_catalogue
from darkroom.service.deployments import Deployments
from darkroom.service.dispatch import Dispatcher
from darkroom.service.fairness import Fairness
from darkroom.service.hub import Hub
from darkroom.service.keys import Keys
from darkroom.service.models import Models
from darkroom.service.own_files import OwnFiles
from darkroom.service.pins import Pins
from darkroom.service.pools import Demand
from darkroom.service.predictions import Predictions
from darkroom.service.remote_files import RemoteFiles
from darkroom.service.spool import Spool
from darkroom.service.turns import Turns
from darkroom.service.twins import Announcer, Twins
from darkroom.service.worker_files import LocalSigner
from darkroom.settings import Settings
from darkroom.store.database import Database
from darkroom.store.keys import KeyTables
from darkroom.store.predictions import PredictionTables
from darkroom.validation.compiled import CompiledValidator

_SECRET = "capabilities"  # noqa: S105  # a secret's name


@dataclass(frozen=True, slots=True, kw_only=True)
class Core:
    """Parts that several others stand on."""

    store: PredictionTables
    hub: Hub
    catalogue: Catalogue
    keys: Keys
    dispatcher: Dispatcher
    blobs: Blobs
    capabilities: Capabilities
    signer: LocalSigner
    predictions: Predictions
    calls: Calls
    deployments: Deployments
    models: Models
    wire: Wire
    sending: Sending
    keeping: Keeping
    beside: Beside
    turns: Turns
    demand: Demand


async def make_core(
    stack: AsyncExitStack, settings: Settings, database: Database, url: str
) -> Core:
    """Make what the server stands on.

    Args:
        stack: closes what must be closed.
        settings: of this server.
        database: open until *stack* closes.
        url: where it answers, such as `http://127.0.0.1:8000`.
    """
    store, clock = PredictionTables(database), SystemClock()
    fairness = make_fairness(settings)
    beside = make_beside(stack, settings, database, fairness)
    keys = await _keys(settings, KeyTables(database), clock, beside.announcer)
    hub, catalogue = Hub(), load_catalogue(settings.models)
    files = await open_files(stack, settings)
    secret = await KeyTables(database).secret(_SECRET)
    capabilities, signer = Capabilities(secret), LocalSigner(secret, files.size_bytes, clock)
    remote = RemoteFiles(files.bucket or signer, for_all=files.bucket is not None)
    dispatcher = _dispatcher(settings, store, catalogue, hub, remote, beside.announcer, fairness)
    keeping = make_keeping(settings, database, files, clock)
    own = OwnFiles(store=store, attempts=store, capabilities=capabilities, uploads=keeping.uploads)
    spool = Spool(blobs=files.blobs, own=own.find, over_bytes=settings.spool_bytes)
    wire = _wire(settings, capabilities, catalogue, files.blobs, spool)
    predictions = make_predictions(
        settings, database, store=store, dispatcher=dispatcher, hub=hub, spool=spool, clock=clock
    )
    models, deployments = await make_models(
        database,
        catalogue,
        hub,
        predictions.intake.ids,
        hardware=installed(),
        runs=predictions.intake.runs,
        changed=beside.announcer.models,
    )
    sending = await make_sending(
        stack, settings, database, store=store, hub=hub, wire=wire, origin=url
    )
    return Core(
        store=store,
        hub=hub,
        catalogue=catalogue,
        keys=keys,
        dispatcher=dispatcher,
        blobs=files.blobs,
        capabilities=capabilities,
        signer=signer,
        predictions=predictions,
        calls=make_calls(settings, clock),
        deployments=deployments,
        models=models,
        wire=wire,
        sending=sending,
        keeping=keeping,
        beside=beside,
        turns=make_turns(database, fairness, catalogue, hub, dispatcher.wake),
        demand=make_demand(settings, database, dispatcher, clock, fairness.costs, catalogue, keys),
    )


def _dispatcher(
    settings: Settings,
    store: PredictionTables,
    catalogue: Catalogue,
    hub: Hub,
    remote: RemoteFiles,
    announcer: Announcer,
    fairness: Fairness,
) -> Dispatcher:
    hub.announce(announcer.changed)
    return Dispatcher(
        store=store,
        attempts=store,
        catalogue=catalogue,
        hub=hub,
        clock=SystemClock(),
        silence_seconds=settings.worker_silence_seconds,
        others=announcer,
        fairness=fairness,
        remote=remote,
    )


def _pins(catalogue: Catalogue, dispatcher: Dispatcher) -> Pins:
    pins = Pins(catalogue, lambda: dispatcher.seats)
    dispatcher.greet(pins.greet)
    return pins


def _wire(
    settings: Settings,
    capabilities: Capabilities,
    catalogue: Catalogue,
    blobs: Blobs,
    spool: Spool,
) -> Wire:
    return Wire(
        capabilities=capabilities,
        catalogue=catalogue,
        blobs=blobs,
        spool=spool,
        echo_limit_bytes=settings.echo_limit_bytes,
        inline_limit_bytes=settings.inline_limit_bytes,
        show_aborted=settings.show_aborted,
    )


async def _keys(
    settings: Settings, store: KeyTables, clock: SystemClock, announcer: Announcer
) -> Keys:
    keys = Keys(store, clock, os.urandom, announcer.keys)
    await keys.load()
    if settings.bootstrap_key is not None:
        await keys.ensure_bootstrap(settings.bootstrap_key.get_secret_value())
    if settings.worker_token is not None:
        await keys.ensure_worker(settings.worker_token.get_secret_value())
    return keys


def make_twins(core: Core) -> Twins | None:
    """What heeds other servers on the database; None where there can be none."""
    if core.beside.watch is None:
        return None
    return Twins(
        store=core.store,
        attempts=core.store,
        catalogue=core.catalogue,
        hub=core.hub,
        dispatcher=core.dispatcher,
        watch=core.beside.watch,
        minded=lambda: core.predictions.intake.queue.unended,
        keys=core.keys.load,
        models=core.models.refresh,
        deliveries=core.sending.deliveries.look,
    )


def make_parts(core: Core, workers: WorkerSockets, ready: Callable[[], str | None]) -> Parts:
    """What the routes stand on, made before any worker comes.

    Args:
        core: what they stand on in turn.
        workers: the door of those from elsewhere.
        ready: gives a reason for not being ready.
    """
    return Parts(
        predictions=core.predictions,
        catalogue=core.catalogue,
        deployments=core.deployments,
        models=core.models,
        validator=CompiledValidator(),
        capabilities=core.capabilities,
        attempts=core.store,
        blobs=core.blobs,
        uploads=core.keeping.uploads,
        wire=core.wire,
        deliveries=core.sending.deliveries,
        webhook_secrets=core.sending.secrets,
        keys=core.keys,
        rates=core.calls.rates,
        guesses=core.calls.guesses,
        searches=core.calls.searches,
        workers=workers,
        worker_files=WorkerFileRoutes(signer=core.signer, blobs=core.blobs),
        demand=core.demand,
        pins=_pins(core.catalogue, core.dispatcher),
        ready=ready,
    )


def make_manner(settings: Settings) -> Manner:
    """How the application presents itself."""
    names = list(settings.allowed_hosts)
    if settings.public_url and (host := urlsplit(settings.public_url).hostname):
        names.append(host)
    return Manner(
        allowed_hosts=names,
        public_url=settings.public_url,
        inline_outputs=settings.inline_outputs,
        body_limit_bytes=settings.body_limit_bytes,
        private_pages=settings.pages == "private",
        openai_model=settings.openai_model,
        openai_wait_seconds=settings.openai_wait_seconds,
    )
