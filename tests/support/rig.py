"""A server's inside without processes: real store, real routes, and a worker played by hand."""

import os
import sqlite3
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import httpx2
from starlette.routing import BaseRoute
from tests.support.hands import HandClock, HandWorker, watch
from tests.support.limits import NO_LIMITS, Limits

from darkroom.blobs.local import LocalBlobs
from darkroom.compose.hardware import CPU
from darkroom.compose.models import make_models
from darkroom.domain.ids import Minter
from darkroom.egress.webhooks import GuardedPoster
from darkroom.http.app import Application, Manner, Parts, create_app, routes
from darkroom.http.webhooks import WebhookBodies
from darkroom.http.wire import Wire
from darkroom.http.worker_files import WorkerFileRoutes
from darkroom.http.worker_sockets import WorkerSockets
from darkroom.ports.buckets import Bucket
from darkroom.ports.webhooks import Poster
from darkroom.service.capabilities import Capabilities
from darkroom.service.catalogue import Catalogue, load_catalogue
from darkroom.service.deliveries import Deliveries
from darkroom.service.dispatch import Dispatcher
from darkroom.service.hub import Hub
from darkroom.service.keys import Keys
from darkroom.service.limits import Room, Streams
from darkroom.service.own_files import OwnFiles
from darkroom.service.pins import Pins
from darkroom.service.pools import Bounds, Demand
from darkroom.service.predictions import Predictions
from darkroom.service.remote_files import RemoteFiles
from darkroom.service.retention import Retention
from darkroom.service.spool import Spool
from darkroom.service.turns import Turns
from darkroom.service.uploads import Uploads
from darkroom.service.webhook_secrets import WebhookSecrets
from darkroom.service.worker_files import LocalSigner
from darkroom.store.deliveries import DeliveryTables
from darkroom.store.keys import KeyTables
from darkroom.store.pools import PoolTables
from darkroom.store.predictions import PredictionTables
from darkroom.store.removals import RemovalTables
from darkroom.store.requests import RequestTables
from darkroom.store.sqlite import SqliteDatabase, open_sqlite
from darkroom.store.turns import TurnTables
from darkroom.store.uploads import UploadTables
from darkroom.validation.compiled import CompiledValidator

ORIGIN = "http://127.0.0.1:8000"
KEY = "a-key-of-sixteen-characters"
HOUR_MS = 3_600_000
POOLS = {"default": Bounds(least=0, most=4, idle_seconds=300, target_wait_seconds=2)}


@dataclass(frozen=True, slots=True)
class Rig:
    store: PredictionTables
    dispatcher: Dispatcher
    predictions: Predictions
    keys: Keys
    key_store: KeyTables
    blobs: LocalBlobs
    worker: HandWorker
    client: httpx2.AsyncClient
    app: Application
    sockets: WorkerSockets
    capabilities: Capabilities
    routes: list[BaseRoute]
    clock: HandClock
    folder: Path
    deliveries: Deliveries  # sends when a test calls `once`
    uploads: Uploads
    removals: RemovalTables
    retention: Retention  # removes when a test calls `once`
    turns: Turns
    database: SqliteDatabase

    def watch(self, seconds: int) -> list[str]:
        """Let that much time pass and look at workers every second; who was given up as silent."""
        return watch(self.dispatcher, self.clock, seconds)

    async def create(self, **extra: object) -> dict[str, object]:
        """POST an echo prediction; returns its JSON."""
        body = {"version": "darkroom/echo", "input": {"image": "data:image/png;base64,AAAA"}}
        answer = await self.client.post("/v1/predictions", json={**body, **extra})
        assert answer.status_code == 201, answer.text
        return cast("dict[str, object]", answer.json())

    async def get(self, id_: object) -> dict[str, object]:
        answer = await self.client.get(f"/v1/predictions/{id_}")
        assert answer.status_code == 200, answer.text
        return cast("dict[str, object]", answer.json())

    async def settled(self) -> None:
        """Wait until everything that workers have told is committed."""
        await self.dispatcher.settled()

    async def listed(self) -> list[dict[str, object]]:
        """The first page of predictions."""
        answer = await self.client.get("/v1/predictions")
        return cast("list[dict[str, object]]", answer.json()["results"])

    async def create_with(self, headers: Mapping[str, str]) -> dict[str, object]:
        """POST an echo prediction with more headers; returns its JSON."""
        body = {"version": "darkroom/echo", "input": {"image": "data:,x"}}
        answer = await self.client.post("/v1/predictions", json=body, headers=headers)
        assert answer.status_code == 201, answer.text
        return cast("dict[str, object]", answer.json())

    async def pass_deadlines(self) -> None:
        """Let every deadline lie in the past, as the database's own clock sees it."""
        connection = sqlite3.connect(self.folder / "darkroom.db", isolation_level=None)
        connection.execute("update predictions set deadline_at = 1 where deadline_at is not null")
        connection.close()

    async def pass_hours(self, hours: float) -> None:
        """Let everything that has an end lie that much further back, to the database's clock."""
        connection = sqlite3.connect(self.folder / "darkroom.db", isolation_level=None)
        passed = {"ms": int(hours * HOUR_MS)}
        for statement in (
            "update predictions set completed_at = completed_at - :ms",
            "update uploads set expires_at = expires_at - :ms",
            "update idempotency_keys set created_at = created_at - :ms",
        ):
            connection.execute(statement, passed)
        connection.close()

    def another_dispatcher(self) -> Dispatcher:
        """What a server started anew on the same store would have."""
        return Dispatcher(store=self.store, attempts=self.store, catalogue=load_catalogue({}),
                          hub=Hub(), clock=self.clock, silence_seconds=10)  # fmt: skip

    async def key_of(self, owner: str) -> str:
        _key, secret = await self.keys.create(owner, admin=False, expires_at=None)
        return secret


async def opened_keys(secrets: KeyTables, clock: HandClock) -> Keys:
    """All keys, and one of an admin."""
    keys = Keys(secrets, clock, os.urandom)
    await keys.load()
    await keys.ensure_bootstrap(KEY)
    return keys


AUTHORIZED = {"Authorization": f"Bearer {KEY}"}


def turns_of(database: SqliteDatabase, dispatcher: Dispatcher, catalogue: Catalogue, hub: Hub,
             clock: HandClock) -> Turns:  # fmt: skip
    """What moves lines on when something ends."""
    turns = Turns(store=TurnTables(database), fairness=dispatcher.fairness, catalogue=catalogue,
                  clock=clock, wake=dispatcher.wake)  # fmt: skip
    hub.announce(turns.changed)
    return turns


def pins_of(catalogue: Catalogue, dispatcher: Dispatcher) -> Pins:
    """What is to be kept loaded, told to every worker that comes."""
    pins = Pins(catalogue, lambda: dispatcher.seats)
    dispatcher.greet(pins.greet)
    return pins


def wire_of(capabilities: Capabilities, catalogue: Catalogue, blobs: LocalBlobs, spool: Spool
            ) -> Wire:  # fmt: skip
    return Wire(capabilities=capabilities, catalogue=catalogue, blobs=blobs, spool=spool,
                echo_limit_bytes=65_536, inline_limit_bytes=10_000_000)  # fmt: skip


def keeping(database: SqliteDatabase, blobs: LocalBlobs, clock: HandClock, room: Room
            ) -> tuple[Uploads, RemovalTables, Retention]:  # fmt: skip
    """Uploads and data of predictions, each kept for a day."""
    uploads = Uploads(store=UploadTables(database), blobs=blobs,
                      secret=KeyTables(database).secret, clock=clock,
                      ids=Minter(clock.wall_ms, os.urandom).mint, keep_ms=24 * HOUR_MS,
                      room=room)  # fmt: skip
    removals = RemovalTables(database)
    retention = Retention(store=removals, blobs=blobs, uploads=uploads, clock=clock,
                          keep_ms=24 * HOUR_MS)  # fmt: skip
    return uploads, removals, retention


def sending(database: SqliteDatabase, store: PredictionTables, wire: Wire,
            secrets: WebhookSecrets, clock: HandClock, poster: Poster | None, hub: Hub
            ) -> Deliveries:  # fmt: skip
    return Deliveries(outbox=DeliveryTables(database), store=store,
                      poster=poster or GuardedPoster(),
                      spell=WebhookBodies(wire=wire, origin=ORIGIN).spell,
                      secrets=secrets, clock=clock, chance=lambda: 0.5,
                      saw=hub.saw)  # fmt: skip


@asynccontextmanager
async def rig(folder: Path, *, limits: Limits = NO_LIMITS,  # noqa: PLR0913  # a test changes one
              inline: str = "off", public_url: str | None = None,
              private: bool = False, body_limit: int = 2**20,
              store_class: type[PredictionTables] = PredictionTables,
              poster: Poster | None = None, openai_model: str | None = None,
              openai_wait: float = 590.0,
              bucket: Bucket | None = None,
              catalogue: Catalogue | None = None) -> AsyncGenerator[Rig]:  # fmt: skip
    async with open_sqlite(folder / "darkroom.db") as database:
        store, secrets = store_class(database), KeyTables(database)
        hub, clock, catalogue = Hub(), HandClock(), catalogue or load_catalogue({})
        keys = await opened_keys(secrets, clock)
        blobs = LocalBlobs(folder / "files")
        secret = await secrets.secret("capabilities")
        capabilities, signer = Capabilities(secret), LocalSigner(secret, blobs.size_bytes, clock)
        remote = RemoteFiles(bucket or signer, for_all=bucket is not None)
        dispatcher = Dispatcher(store=store, attempts=store, catalogue=catalogue, hub=hub,
                                clock=clock, silence_seconds=10,
                                fairness=limits.fairness(), remote=remote)  # fmt: skip
        sockets = WorkerSockets(dispatcher, keys, silence_seconds=10)
        uploads, removals, retention = keeping(database, blobs, clock, limits.room(clock))
        own = OwnFiles(store=store, attempts=store, capabilities=capabilities,
                       uploads=uploads)  # fmt: skip
        spool = Spool(blobs=blobs, own=own.find, over_bytes=16_384)
        intake = limits.intake(store=store, requests=RequestTables(database), spool=spool,
                               dispatcher=dispatcher, hub=hub, clock=clock)  # fmt: skip
        predictions = Predictions(store=store, dispatcher=dispatcher, hub=hub, intake=intake,
                                  streams=Streams(limits.streams))  # fmt: skip
        wire = wire_of(capabilities, catalogue, blobs, spool)
        webhook_secrets = WebhookSecrets(secrets)
        deliveries = sending(database, store, wire, webhook_secrets, clock, poster, hub)
        hub.listen(deliveries.hear)
        models, deployments = await make_models(
            database, catalogue, hub, Minter(clock.wall_ms, os.urandom).mint, hardware=[CPU],
            runs=predictions.intake.runs)  # fmt: skip
        parts = Parts(models=models, predictions=predictions, catalogue=catalogue,
                      deployments=deployments, validator=CompiledValidator(),
                      capabilities=capabilities, attempts=store, blobs=blobs, uploads=uploads,
                      wire=wire, deliveries=deliveries, webhook_secrets=webhook_secrets,
                      workers=sockets, worker_files=WorkerFileRoutes(signer=signer, blobs=blobs),
                      keys=keys, rates=limits.rates(clock), guesses=limits.guesses(clock),
                      searches=limits.seekers(clock),
                      demand=Demand(POOLS, PoolTables(database), lambda: dispatcher.seats, clock),
                      pins=pins_of(catalogue, dispatcher), ready=lambda: None)  # fmt: skip
        manner = Manner(allowed_hosts=("example.test",), public_url=public_url,
                        inline_outputs=inline, body_limit_bytes=body_limit,
                        private_pages=private, openai_model=openai_model,
                        openai_wait_seconds=openai_wait)  # fmt: skip
        app = create_app(parts, manner)
        worker = HandWorker(dispatcher, blobs)
        async with httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app=app), base_url=ORIGIN, headers=AUTHORIZED
        ) as client:
            yield Rig(store, dispatcher, predictions, keys, secrets, blobs,
                worker, client, app, sockets,
                capabilities, routes(parts, manner), clock, folder, deliveries, uploads, removals,
                retention, turns_of(database, dispatcher, catalogue, hub, clock),
                database)  # fmt: skip
        await blobs.close()
