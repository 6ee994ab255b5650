"""The server: every part made, joined, started, drained and ended, in that order."""

import asyncio
import socket
from collections.abc import Generator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from functools import partial

import structlog
import uvicorn
import uvloop

from darkroom.compose import collector
from darkroom.compose.clock import SystemClock
from darkroom.compose.control import control_path, reply
from darkroom.compose.directory import open_database
from darkroom.compose.keeping import start_removing
from darkroom.compose.logs import configure_logs
from darkroom.compose.outage import Outage
from darkroom.compose.parts import make_core, make_manner, make_parts, make_twins
from darkroom.compose.placing import local_placer
from darkroom.compose.signals import heed_signals
from darkroom.compose.taking import make_room, start_taking
from darkroom.compose.twins import start_twins
from darkroom.domain.errors import FilesUnavailable, InvalidSetting
from darkroom.egress.allow import AllowList
from darkroom.http.app import Application, create_app
from darkroom.http.deadlines import PunctualProtocol, PunctualSocket
from darkroom.http.worker_sockets import WorkerSockets
from darkroom.http.workers import FRAME_BYTES, WorkerDoor
from darkroom.placers.local import LocalPlacer
from darkroom.service.catalogue import Catalogue
from darkroom.service.deliveries import Deliveries
from darkroom.service.dispatch import Dispatcher
from darkroom.service.keys import Keys
from darkroom.service.limits import Room
from darkroom.settings import Settings
from darkroom.store.database import Database

_log = structlog.get_logger()
_LAST_STREAMS_SECONDS = 2
_KEEP_SECONDS = 1.0
_KEEPING = "keeping"
_LAST_WORDS_SECONDS = 5.0
_LAST_WEBHOOKS_SECONDS = 3.0
_MOST_CONNECTIONS = 4096
_PINGS_PER_SILENCE = 3  # asked after a third of it, given up after another


def main(settings: Settings) -> int:
    """Run the server until a signal ends it; returns the process's exit code."""
    configure_logs()
    return uvloop.run(serve(settings))


async def serve(settings: Settings) -> int:
    """Make all parts, serve until told to stop, let runs finish, end all parts."""
    AllowList.parse(settings.egress_allow)  # a worker would refuse it, over and over
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(open_database(settings))
        listener = stack.enter_context(_listener(settings))
        url = settings.public_url or _address(listener)
        server = await _joined(stack, settings, database, url)
        collector.calm()
        stop = asyncio.Event()
        heed_signals(stop.set)
        web = make_web(server.app, settings.worker_silence_seconds / _PINGS_PER_SILENCE)
        serving = asyncio.create_task(web.serve(sockets=[listener]))
        keeping = asyncio.create_task(server.keep())
        await _announce(server.keys, url)
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        server.life.stopping = True
        _log.info("server.stopping", drain_seconds=settings.drain_seconds)
        await server.end(settings.drain_seconds)
        keeping.cancel()
        web.should_exit = True
        await serving
        _log.info("server.stopped")
        return 0 if stop.is_set() else 1


@dataclass(slots=True)
class _Life:
    """Whether the server is on its way out."""

    stopping: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Server:
    """The parts that live as long as the server."""

    keys: Keys
    dispatcher: Dispatcher
    deliveries: Deliveries
    door: WorkerDoor
    sockets: WorkerSockets
    placer: LocalPlacer
    workers: int
    life: "_Life"
    outage: Outage
    app: Application

    async def keep(self) -> None:
        """For ever: keep workers running, replace silent ones, end what is past its deadline."""
        while True:
            try:
                with self.outage.felt_by(_KEEPING):
                    await self._keep_once()
            except Exception:  # noqa: BLE001  # the top of a loop that must not end
                _log.exception("keeping.failed")
            await asyncio.sleep(_KEEP_SECONDS)

    async def _keep_once(self) -> None:
        self.sockets.sweep()
        if not self.life.stopping:
            await self.placer.reconcile(self.workers)
        for name in self.dispatcher.reap():
            self.placer.replace(name)
        await self.dispatcher.expire()

    async def end(self, drain_seconds: float) -> None:
        """Runs finish or are released, workers end, the last webhooks leave, the door shuts."""
        ending = asyncio.create_task(self.placer.stop(drain_seconds + _LAST_WORDS_SECONDS))
        await self.dispatcher.drain(drain_seconds)
        await ending
        await self.deliveries.close(_LAST_WEBHOOKS_SECONDS)
        await self.door.close()


async def _joined(
    stack: AsyncExitStack, settings: Settings, database: Database, url: str
) -> _Server:
    """Make the parts and let workers in; what an earlier server left is taken up first."""
    core = await make_core(stack, settings, database, url)
    _check_openai_model(settings, core.catalogue)
    await core.dispatcher.recover()
    await core.turns.recover()
    await start_taking(stack, core.predictions.intake, SystemClock())
    await core.sending.deliveries.start()
    stack.push_async_callback(core.sending.deliveries.close, 0)
    outage = Outage(SystemClock())
    start_removing(stack, core.keeping, outage)
    if (twins := make_twins(core)) is not None:
        start_twins(stack, core.beside, twins, core.turns, outage)
    door = WorkerDoor(
        core.dispatcher,
        lambda question: reply(core.keys, question, url=url),
        silence_seconds=settings.worker_silence_seconds,
    )
    sockets = WorkerSockets(
        core.dispatcher, core.keys, silence_seconds=settings.worker_silence_seconds
    )
    life = _Life()
    room = make_room(settings, SystemClock())
    ready = partial(_unready, life, core.dispatcher, settings.workers, outage, room)
    app = create_app(make_parts(core, sockets, ready), make_manner(settings))
    path = control_path(settings)
    await door.open(path)
    return _Server(
        keys=core.keys,
        dispatcher=core.dispatcher,
        deliveries=core.sending.deliveries,
        door=door,
        sockets=sockets,
        placer=local_placer(settings, path, core.dispatcher.ended),
        workers=settings.workers,
        life=life,
        outage=outage,
        app=app,
    )


def _check_openai_model(settings: Settings, catalogue: Catalogue) -> None:
    """Raise InvalidSetting unless what runs on `/v1/images/` by itself is there."""
    named = settings.openai_model
    if named is not None and not catalogue.names(named):
        raise InvalidSetting(
            f"openai_model: there is no {named} here. `darkroom models list` shows the models; "
            "without it the server starts, and requests must name a model themselves"
        )


def _unready(
    life: _Life, dispatcher: Dispatcher, workers: int, outage: Outage, room: Room
) -> str | None:
    if life.stopping:
        return "The server is stopping."
    if workers and not dispatcher.seats:
        return "No worker is connected yet."
    try:
        room.check()
    except FilesUnavailable as error:
        return str(error)
    return outage.reason(_KEEPING)


def _listener(settings: Settings) -> socket.socket:
    """A bound socket, so that a taken port is told before anything else starts."""
    try:
        return socket.create_server(
            (settings.host, settings.port), backlog=2048, family=_family(settings.host)
        )
    except OSError as error:
        reason = str(error.strerror).partition(" (while ")[0]  # what create_server adds is no news
        raise InvalidSetting(
            f"host and port: cannot listen on {settings.host}:{settings.port} ({reason}). "
            "Choose another --port; 0 takes a free one."
        ) from error


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    shown = "127.0.0.1" if host in ("0.0.0.0", "::") else host  # noqa: S104  # compared, not bound
    return f"http://[{shown}]:{port}" if ":" in shown else f"http://{shown}:{port}"


class _Web(uvicorn.Server):
    """uvicorn without its signal handlers: this module decides when it ends."""

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


def make_web(app: Application, ping_seconds: float) -> uvicorn.Server:
    """The web server; it asks workers so often whether they are there, and waits as long."""
    return _Web(
        uvicorn.Config(
            app,
            http=PunctualProtocol,
            ws=PunctualSocket,
            ws_max_size=FRAME_BYTES,
            ws_ping_interval=ping_seconds,
            ws_ping_timeout=ping_seconds,
            ws_per_message_deflate=False,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=True,
            proxy_headers=False,
            timeout_keep_alive=75,
            backlog=2048,
            limit_concurrency=_MOST_CONNECTIONS,
            timeout_graceful_shutdown=_LAST_STREAMS_SECONDS,
        )
    )


async def _announce(keys: Keys, url: str) -> None:
    """Print the address, and at the very first start a key, once."""
    first = await keys.first_start()
    print(f"darkroom is listening on {url}", flush=True)  # noqa: T201
    if first is not None:
        print(f"Your first key, an admin key of owner `admin`, shown only now: {first}", flush=True)  # noqa: T201
        print(f"  export REPLICATE_BASE_URL={url} REPLICATE_API_TOKEN={first}", flush=True)  # noqa: T201
