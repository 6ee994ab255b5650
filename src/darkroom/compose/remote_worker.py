"""A worker on a machine of its own: it reaches its server by address, and comes back to it."""

import secrets
import socket
import time
from collections.abc import Generator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import structlog
import uvloop

from darkroom.compose import collector
from darkroom.compose.logs import configure_logs
from darkroom.compose.signals import heed_signals
from darkroom.compose.worker import make_options, make_tools
from darkroom.domain.errors import InvalidSetting, WorkerRefused
from darkroom.domain.ids import WORKER_RULE, is_worker
from darkroom.egress.allow import AllowList
from darkroom.settings import Settings
from darkroom.worker.client import Worker
from darkroom.worker.folders import run_folder
from darkroom.worker.options import Options
from darkroom.worker.socket_line import SocketConnector, server_address

NAME = "worker.name"
_LETTERS = "abcdefghijkmnpqrstuvwxyz"
_PUT_RETRIES = (0.1, 0.5, 2.0)
"""Then once more, when a dead network will have been noticed: files wait for a line."""


def main(settings: Settings, *, server: str, token: str, name: str | None) -> int:
    """Run one worker until it is drained or refused for good; returns the exit code.

    Args:
        settings: of this machine.
        server: its server's address.
        token: of a worker, for that server.
        name: what the server calls it; one that its data directory keeps if there is none.

    Raises:
        InvalidSetting: an argument or a setting cannot be used.
    """
    configure_logs()
    AllowList.parse(settings.egress_allow)
    server = server_address(server)
    way = SocketConnector(server, token, silence_seconds=settings.worker_silence_seconds)
    called = own_name(settings.data_dir, name)
    incarnation = time.time_ns() // 1_000_000
    with run_folder(settings.data_dir / "run", f"{called}-{incarnation}") as folder:
        options = replace(
            make_options(settings, way, called, incarnation, folder),
            put_retries=(*_PUT_RETRIES, settings.worker_silence_seconds),
        )
        return uvloop.run(_serve(settings, options, server))


def own_name(directory: Path, given: str | None) -> str:
    """What the worker of this *directory* is called: as *given*, else as it keeps it.

    Raises:
        InvalidSetting: the name does not do, or the directory cannot be written.
    """
    with _usable(directory):
        (directory / "run").mkdir(exist_ok=True)
    return _checked(given) if given else kept_name(directory)


def kept_name(directory: Path) -> str:
    """This machine's name and a few letters, the same at every start with this *directory*.

    Raises:
        InvalidSetting: the directory cannot be written.
    """
    path = directory / NAME
    with _usable(directory):
        if path.exists():
            return _checked(path.read_text("utf-8").strip())
        host = "".join(one if one.isalnum() or one in "-." else "-" for one in socket.gethostname())
        letters = "".join(secrets.choice(_LETTERS) for _ in range(4))
        made = f"{host[:60]}-{letters}"
        made = made if is_worker(made) else f"at-{made}"
        path.write_text(f"{made}\n", "utf-8")
    return made


@contextmanager
def _usable(directory: Path) -> Generator[None]:
    """Make *directory* if need be; what cannot be done there is the setting's fault.

    Raises:
        InvalidSetting: it cannot be used.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise InvalidSetting(
            f"data_dir: {directory} cannot be used ({error.strerror}); choose another"
        ) from error


def _checked(name: str) -> str:
    if not is_worker(name):
        raise InvalidSetting(f"name: {WORKER_RULE}")
    return name


async def _serve(settings: Settings, options: Options, server: str) -> int:
    structlog.contextvars.bind_contextvars(server=server)
    log = structlog.get_logger().bind(worker=options.name)
    async with AsyncExitStack() as stack:
        worker = Worker(options, await make_tools(stack, settings, server=server))
        heed_signals(partial(_drain, worker))
        collector.calm()
        try:
            drained = await worker.run()
        except WorkerRefused as error:
            log.error("worker.refused", why=str(error))  # noqa: TRY400  # a fact, not a bug
            return 1
        except OSError as error:
            log.error("worker.unconnected", why=str(error))  # noqa: TRY400
            return 1
        fault = {"fault": worker.fault} if worker.fault else {}
        log.info("worker.drained" if drained else "worker.server_gone", **fault)
        return 0 if drained else 1


def _drain(worker: Worker) -> None:
    structlog.get_logger().info("worker.draining")
    worker.drain()
