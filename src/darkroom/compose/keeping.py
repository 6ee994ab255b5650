"""Uploads and retention, and the loop that removes what is older than it may be."""

import asyncio
import os
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass

import structlog

from darkroom.compose.files import Files
from darkroom.compose.outage import Outage
from darkroom.compose.taking import make_room
from darkroom.domain import durations
from darkroom.domain.ids import Minter
from darkroom.ports.serving import Clock
from darkroom.service.retention import Retention
from darkroom.service.strays import Strays
from darkroom.service.uploads import Uploads
from darkroom.settings import Settings
from darkroom.store.database import Database
from darkroom.store.keys import KeyTables
from darkroom.store.known_files import KnownFileTables
from darkroom.store.removals import RemovalTables
from darkroom.store.uploads import UploadTables

_log = structlog.get_logger()
_ROUND_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeping:
    """What is kept for a time, and what ends that."""

    uploads: Uploads
    retention: Retention
    strays: Strays


def make_keeping(settings: Settings, database: Database, files: Files, clock: Clock) -> Keeping:
    """Make all; nothing is removed before `start_removing`."""
    blobs = files.blobs
    uploads = Uploads(
        store=UploadTables(database),
        blobs=blobs,
        secret=KeyTables(database).secret,
        clock=clock,
        ids=Minter(clock.wall_ms, os.urandom).mint,
        keep_ms=durations.milliseconds(settings.upload_retention) or 0,
        room=make_room(settings, clock),
    )
    retention = Retention(
        store=RemovalTables(database),
        blobs=blobs,
        uploads=uploads,
        clock=clock,
        keep_ms=durations.milliseconds(settings.retention),
    )
    strays = Strays(shelf=files.shelf, known=KnownFileTables(database), clock=clock)
    return Keeping(uploads=uploads, retention=retention, strays=strays)


def start_removing(stack: AsyncExitStack, keeping: Keeping, outage: Outage) -> None:
    """Remove, a round a second, until *stack* closes."""
    removing = asyncio.create_task(_remove(keeping, outage))
    stack.push_async_callback(_end, removing)


async def _remove(keeping: Keeping, outage: Outage) -> None:
    while True:
        more = False
        try:
            with outage.felt_by("removing"):
                more = await keeping.retention.once()
                await keeping.strays.once()
        except Exception:  # noqa: BLE001  # the top of a loop that must not end
            _log.exception("removing.failed")
        await asyncio.sleep(0 if more else _ROUND_SECONDS)


async def _end(removing: asyncio.Task[None]) -> None:
    removing.cancel()
    with suppress(asyncio.CancelledError):
        await removing
