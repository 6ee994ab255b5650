"""Several servers on one database, joined: hints, the watch over one another, and the sweep."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from functools import partial

import structlog

from darkroom.compose.clock import SystemClock
from darkroom.compose.directory import server_id
from darkroom.compose.files import files_folder
from darkroom.compose.neighbours import Neighbours, mark
from darkroom.compose.outage import Outage
from darkroom.ports.twins import Hints
from darkroom.service.fairness import Fairness
from darkroom.service.turns import LOOK_SECONDS, Turns
from darkroom.service.twins import SWEEP_SECONDS, Announcer, Twins
from darkroom.service.watch import BEAT_SECONDS, Watch
from darkroom.settings import Settings
from darkroom.store.database import Database
from darkroom.store.servers import ServerTables

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """What a server has of others on its database; without PostgreSQL there are none."""

    announcer: Announcer
    watch: Watch | None = None
    hints: Hints | None = None


def make_beside(
    stack: AsyncExitStack, settings: Settings, database: Database, fairness: Fairness
) -> Beside:
    """Make what tells others; it hears nothing before `start_twins`."""
    if settings.database_url is None:
        return Beside(announcer=Announcer())
    from darkroom.store.postgres import PostgresDatabase

    assert isinstance(database, PostgresDatabase)  # noqa: S101  # as the setting says
    hints = database.hints()
    stack.push_async_callback(hints.close)
    me = server_id(settings.data_dir)
    met = None
    if settings.files_url is None:
        folder = files_folder(settings)
        mark(folder, me)
        met = Neighbours(folder).met
    watch = Watch(
        me=me,
        servers=ServerTables(database),
        clock=SystemClock(),
        silence_seconds=settings.worker_silence_seconds,
        fairness=fairness,
        met=met,
    )
    return Beside(announcer=Announcer(hints, watch), watch=watch, hints=hints)


def start_twins(
    stack: AsyncExitStack, beside: Beside, twins: Twins, turns: Turns, outage: Outage
) -> None:
    """Beat, hear and sweep until *stack* closes."""
    if beside.hints is not None:
        beside.hints.listen(twins.heard, twins.missed)
        beside.hints.start()
    for name, work, seconds, hurried in (
        ("beating", twins.once, BEAT_SECONDS, None),
        ("sweeping", twins.sweep, SWEEP_SECONDS, twins.hurried),
        ("turns", turns.look, LOOK_SECONDS, None),
    ):
        felt = partial(_felt, work, name, outage)
        stack.push_async_callback(_end, asyncio.create_task(_over(felt, seconds, hurried)))


async def _felt(work: Callable[[], Awaitable[None]], name: str, outage: Outage) -> None:
    with outage.felt_by(name):
        await work()


async def _over(
    work: Callable[[], Awaitable[None]], seconds: float, hurried: asyncio.Event | None
) -> None:
    """Do *work* every *seconds*, or at once when it is *hurried*; for ever."""
    sooner = hurried or asyncio.Event()
    while True:
        try:
            await work()
        except Exception:  # noqa: BLE001  # the top of a loop that must not end
            _log.exception("twins.failed")
            sooner.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await sooner.wait()


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
