"""What takes requests in: predictions with their limits, and the limits of keys and addresses."""

import os
import shutil
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import structlog

from darkroom.domain.errors import StoreBusy
from darkroom.domain.ids import Minter
from darkroom.ports.predictions import PredictionStore
from darkroom.ports.serving import Clock
from darkroom.service.dispatch import Dispatcher
from darkroom.service.hub import Hub
from darkroom.service.intake import Intake
from darkroom.service.limits import (
    SEARCHES_PER_MINUTE,
    Guesses,
    Queue,
    Rates,
    Room,
    Searches,
    Streams,
)
from darkroom.service.predictions import Predictions
from darkroom.service.repeats import Repeats
from darkroom.service.spool import Spool
from darkroom.settings import Settings
from darkroom.store.database import Database
from darkroom.store.requests import RequestTables

_log = structlog.get_logger()


def make_predictions(
    settings: Settings,
    database: Database,
    *,
    store: PredictionStore,
    dispatcher: Dispatcher,
    hub: Hub,
    spool: Spool,
    clock: Clock,
) -> Predictions:
    """Make what creates and shows predictions; call `start_taking` before it does."""
    owners = dispatcher.fairness.owners
    queue = Queue(owners)
    if owners.limit_queued:
        hub.mind_ends(queue.ended)
    intake = Intake(
        store=store,
        requests=RequestTables(database),
        dispatcher=dispatcher,
        hub=hub,
        spool=spool,
        ids=Minter(clock.wall_ms, os.urandom).mint,
        queue=queue,
        room=make_room(settings, clock),
        repeats=Repeats(clock.monotonic) if settings.adopt_orphans else None,
    )
    streams = Streams(settings.stream_limit)
    return Predictions(store=store, dispatcher=dispatcher, hub=hub, intake=intake, streams=streams)


async def start_taking(stack: AsyncExitStack, intake: Intake, clock: Clock) -> None:
    """Take up what an earlier server left; when *stack* closes, leave it to the next."""
    await intake.recover(clock.wall_ms())
    stack.push_async_callback(_rest, intake, clock)


async def _rest(intake: Intake, clock: Clock) -> None:
    try:
        await intake.rest(clock.wall_ms())
    except StoreBusy as error:  # as after a kill: what was told may be taken for untold
        _log.warning("requests.not_forgotten", error=str(error))


def make_room(settings: Settings, clock: Clock) -> Room:
    """Whether the disk has room for more."""
    return Room(partial(_free_bytes, settings.data_dir), settings.min_free_bytes, clock.monotonic)


@dataclass(frozen=True, slots=True, kw_only=True)
class Calls:
    """How much may be asked for: with a key, with wrong ones, and by searches without any."""

    rates: Rates
    guesses: Guesses
    searches: Searches


def make_calls(settings: Settings, clock: Clock) -> Calls:
    """The limits of calls, a minute."""
    searches = SEARCHES_PER_MINUTE if settings.rate_limit else 0
    return Calls(
        rates=Rates(settings.rate_limit, clock.monotonic),
        guesses=Guesses(settings.wrong_key_limit, clock.monotonic),
        searches=Searches(searches, clock.monotonic),
    )


def _free_bytes(folder: Path) -> int:
    return shutil.disk_usage(folder).free
