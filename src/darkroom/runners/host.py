"""The child's half of a host: loads versions, runs them, reports.

Started by its worker as `python -m darkroom.runners.host`. One event loop in the main thread;
what a runner computes happens in threads of its own.
"""

import argparse
import asyncio
import os
import signal
import socket
import sys
import time
import traceback
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

import uvloop

from darkroom.domain.errors import DarkroomError, PeerMisbehaved, RunCanceled
from darkroom.domain.prediction import Outcome
from darkroom.ports.running import Runner
from darkroom.protocol.lifeline import ParentGone, die_with_parent
from darkroom.protocol.link import Link
from darkroom.protocol.messages import (
    ALIVE_SECONDS,
    Alive,
    Cancel,
    Entered,
    FromHost,
    Key,
    Load,
    Loaded,
    Logged,
    NotLoaded,
    Over,
    Run,
    ToHost,
    Unload,
    VersionSpec,
    Watch,
)
from darkroom.runners.context import Context, whole
from darkroom.runners.registry import find

MAX_ERROR_LETTERS = 4096
CLOSE_SECONDS = 5.0

Find: TypeAlias = Callable[[str], Callable[[], Runner]]


class Host:
    """Holds loaded versions and the runs in them.

    Args:
        find: gives what makes runners of a kind, asked once; see `registry.find`.
        send: hands a message to the worker, with the number of file bytes in it.
    """

    def __init__(self, find: Find, send: Callable[[FromHost, int], None]) -> None:
        self._find = find
        self._send = send
        self._makers: dict[str, Callable[[], Runner]] = {}
        self._runners: dict[str, Runner] = {}
        self._contexts: dict[Key, Context] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._loads: asyncio.Queue[Load | Unload] = asyncio.Queue()

    def received(self, message: ToHost) -> None:
        """Take one message.

        Raises:
            PeerMisbehaved: it asks to run what is not loaded.
        """
        match message:
            case Run():
                self._start(message)
            case Cancel():
                context = self._contexts.get((message.id, message.attempt))
                if context is not None:
                    context.cancel()
            case Watch():
                context = self._contexts.get((message.id, message.attempt))
                if context is not None:
                    context.watch(message.wanted)
            case Load() | Unload():
                self._loads.put_nowait(message)

    async def load(self) -> None:
        """Load and unload, one after the other in the order asked, for ever."""
        while True:
            match await self._loads.get():
                case Load(version):
                    await self._load(version)
                case Unload(version):
                    await self._unload(version)

    async def close(self) -> None:
        """Give back what every runner holds."""
        for version in list(self._runners):
            await self._unload(version)

    def _start(self, run: Run) -> None:
        runner = self._runners.get(run.version)
        if runner is None:
            raise PeerMisbehaved(f"asked to run {run.version}, which is not loaded")
        context = Context(run, self._send)
        self._contexts[run.id, run.attempt] = context
        task = asyncio.get_running_loop().create_task(self._run(runner, run, context))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, runner: Runner, run: Run, context: Context) -> None:
        self._send(Entered(run.id, run.attempt), 0)
        begin = time.monotonic()
        outcome, error = await _outcome(runner.run(context), context)
        seconds = time.monotonic() - begin
        del self._contexts[run.id, run.attempt]
        self._send(Over(run.id, run.attempt, outcome, error, context.metrics, seconds), 0)

    async def _load(self, version: VersionSpec) -> None:
        loop = asyncio.get_running_loop()

        def log(text: str) -> None:
            line = whole(text if text.endswith("\n") else text + "\n")
            loop.call_soon_threadsafe(self._send, Logged(version.id, 0, line), 0)

        runner: Runner | None = None
        try:
            # An import may take seconds, and cancels must still be heard meanwhile.
            runner = (await asyncio.to_thread(self._maker, version.kind))()
            taken = await runner.setup(version, log)
        except (Exception, asyncio.CancelledError) as error:  # model code may raise anything
            if _being_canceled():
                raise
            _show(error)
            loop.call_soon_threadsafe(self._send, NotLoaded(version.id, _sentence(error)), 0)
        else:
            self._runners[version.id] = runner
            loaded = Loaded(version.id)
            if taken is not None:
                loaded = Loaded(version.id, taken.weights_bytes, taken.budget_bytes)
            loop.call_soon_threadsafe(self._send, loaded, 0)
            return
        # Not where the error is at hand: it holds what was loaded, and that is to be given back.
        if runner is not None:
            await _close(runner)

    def _maker(self, kind: str) -> Callable[[], Runner]:
        if kind not in self._makers:
            self._makers[kind] = self._find(kind)
        return self._makers[kind]

    async def _unload(self, version: str) -> None:
        runner = self._runners.pop(version, None)
        if runner is not None:
            await _close(runner)


async def _close(runner: Runner) -> None:
    try:
        await runner.close()
    except (Exception, asyncio.CancelledError) as error:  # model code may raise anything
        if _being_canceled():
            raise
        _show(error)


def _being_canceled() -> bool:
    """Whether this very task is told to end, and not some other that model code waited for."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def _outcome(running: Awaitable[None], context: Context) -> tuple[Outcome, str | None]:
    try:
        await running
    except RunCanceled:
        return Outcome.CANCELED, None
    except (Exception, asyncio.CancelledError) as error:  # model code may raise anything
        if _being_canceled():
            raise
        if context.canceled:
            return Outcome.CANCELED, None
        _show(error)
        return Outcome.FAILED, _sentence(error)
    return (Outcome.CANCELED if context.canceled else Outcome.SUCCEEDED), None


def _sentence(error: BaseException) -> str:
    text = str(error)
    if not isinstance(error, DarkroomError):
        text = f"{type(error).__name__}: {text}" if text else type(error).__name__
    return whole(text)[:MAX_ERROR_LETTERS]


def _show(error: BaseException) -> None:
    if not isinstance(error, DarkroomError):
        traceback.print_exception(error)


async def _live(link: Link[ToHost]) -> None:
    """Tell the worker again and again that this loop turns."""
    while True:
        link.send(Alive())
        await asyncio.sleep(ALIVE_SECONDS)


async def serve(connection: socket.socket, find: Find) -> None:
    """Do what the worker at the other end of *connection* asks, until it closes it."""
    loop = asyncio.get_running_loop()
    closed = asyncio.Event()
    link: Link[ToHost] = Link(
        ToHost, received=lambda message: host.received(message), closed=closed.set
    )
    host = Host(find, lambda message, bulk: link.send(message, bulk_bytes=bulk))
    await loop.create_unix_connection(lambda: link, sock=connection)
    loading = loop.create_task(host.load())
    living = loop.create_task(_live(link))
    await closed.wait()
    if link.fault:
        print(f"host: the worker broke the protocol: {link.fault}", file=sys.stderr)  # noqa: T201  # no log yet
    loading.cancel()
    living.cancel()
    await asyncio.wait([loop.create_task(host.close())], timeout=CLOSE_SECONDS)


def main(arguments: Sequence[str] | None = None) -> int:
    """Be a host until the worker closes the connection or dies."""
    parser = argparse.ArgumentParser(prog="darkroom host")
    parser.add_argument("--descriptor", type=int, required=True)
    parser.add_argument("--parent", type=int, required=True)
    chosen = parser.parse_args(arguments)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    try:
        die_with_parent(chosen.parent)
    except ParentGone:
        return 1
    os.set_inheritable(chosen.descriptor, False)  # noqa: FBT003  # takes no names
    connection = socket.socket(fileno=chosen.descriptor)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(connection, find))
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)  # threads of a model that still compute must not hold the process


if __name__ == "__main__":
    sys.exit(main())
