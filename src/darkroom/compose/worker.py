"""One worker: its adapters made and joined, its signals, its end."""

import asyncio
import os
import signal
import time
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import structlog
import uvloop

from darkroom.blobs.local import LocalBlobs
from darkroom.compose import collector
from darkroom.compose.hub import open_weights
from darkroom.compose.logs import configure_logs
from darkroom.egress.fetch import GuardedFetcher
from darkroom.egress.signed import SignedDoor
from darkroom.engine.settings import EngineSettings
from darkroom.imaging.pool import DecoderPool
from darkroom.protocol.lifeline import ParentGone, die_with_parent
from darkroom.runners import registry
from darkroom.settings import Settings
from darkroom.worker.client import Worker
from darkroom.worker.folders import run_folder
from darkroom.worker.lines import Connector, UnixConnector
from darkroom.worker.options import Options, Tools
from darkroom.worker.process import host_command, host_environment

_ENGINE_KIND = "diffusers"
_SMALL_KINDS = frozenset({"echo", "echo-text", "echo-text-trainer"})
"""Weightless: many runs at once."""


def main(settings: Settings, *, socket: Path, name: str, parent: int | None = None) -> int:
    """Run one worker until it is drained or its server is gone; returns the exit code.

    Args:
        settings: those of its server.
        socket: where its server listens.
        name: what its server calls it.
        parent: process id of its server, if that started it.
    """
    configure_logs()
    try:
        die_with_parent(parent)
    except ParentGone as error:
        structlog.get_logger().info("worker.server_gone", worker=name, fault=str(error))
        return 1
    incarnation = time.time_ns() // 1_000_000
    with run_folder(settings.data_dir / "run", f"{name}-{incarnation}") as folder:
        options = make_options(settings, UnixConnector(socket), name, incarnation, folder)
        return uvloop.run(_serve(settings, options))


async def _serve(settings: Settings, options: Options) -> int:
    log = structlog.get_logger().bind(worker=options.name)
    async with AsyncExitStack() as stack:
        worker = Worker(options, await make_tools(stack, settings))
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, worker.drain)
        collector.calm()
        try:
            drained = await worker.run()
        except OSError as error:
            log.error("worker.refused", why=error.strerror)  # noqa: TRY400  # a fact, not a bug
            return 1
        fault = {"fault": worker.fault} if worker.fault else {}
        log.info("worker.drained" if drained else "worker.server_gone", **fault)
        return 0 if drained else 1


async def make_tools(
    stack: AsyncExitStack, settings: Settings, *, server: str | None = None
) -> Tools:
    """The adapters of a worker; *server* is its server's address, if it comes from elsewhere."""
    blobs = LocalBlobs(settings.data_dir / "files", fsync=settings.fsync_files)
    stack.push_async_callback(blobs.close)
    fetcher = await stack.enter_async_context(GuardedFetcher(allow=settings.egress_allow))
    return Tools(
        blobs=blobs,
        signed=await stack.enter_async_context(SignedDoor(server)),
        fetcher=fetcher,
        decoder=await stack.enter_async_context(DecoderPool(max_pixels=settings.max_pixels)),
        weights=await open_weights(stack, settings, tiny=settings.weights == "tiny"),
    )


def make_options(
    settings: Settings, connector: Connector, name: str, incarnation: int, folder: Path
) -> Options:
    """What a worker of that name must be told."""
    return Options(
        name=name,
        incarnation=incarnation,
        connector=connector,
        slots={kind: _slots(settings, kind) for kind in registry.kinds()},
        run_folder=folder.resolve(),
        host_command=host_command(),
        host_environment=host_environment(os.environ) | _engine(settings).variables(),
        resident_models=settings.resident_models,
        fetch_limit_bytes=settings.fetch_limit_bytes,
        setup_limit=settings.run_limit_seconds,
        run_limit=settings.run_limit_seconds,
        cancel_grace=settings.cancel_grace_seconds,
        drain=settings.drain_seconds,
        host_silence=settings.host_silence_seconds,
    )


def _slots(settings: Settings, kind: str) -> int:
    if kind in _SMALL_KINDS:
        return settings.echo_slots
    return settings.engine_runs if kind == _ENGINE_KIND else 1


def _engine(settings: Settings) -> EngineSettings:
    """What hosts are told of it; the one part of darkroom's settings that they see."""
    return replace(settings.engine, cache=(settings.data_dir / "cache" / "engine").resolve())
