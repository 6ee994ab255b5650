"""The parent's half of a host: start it, talk to it, hear of its silence and its end, kill it."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping, Sequence

import structlog

from darkroom.protocol.lifeline import Child, exit_words
from darkroom.protocol.link import Link
from darkroom.protocol.messages import Alive, FromHost, Loaded, ToHost

HOST_COMMAND = ("-P", "-m", "darkroom.runners.host")  # -P: no module from the working directory
CLOSE_SECONDS = 2.0
CLOSED = "its worker was told to stop."
UNSTARTED = 127
"""The status of a host that could not be started, as shells tell it."""

WATCH_TURNS = 5
"""How often within the longest silence a host is looked at.

Looks are counted, not seconds: a worker that was itself stopped for an hour has looked once.
"""

RESTART_SECONDS = (0.0, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)

_PASSED = frozenset(
    {"PATH", "HOME", "LANG", "TZ", "TMPDIR", "PYTHONPATH", "LD_LIBRARY_PATH", "VIRTUAL_ENV"}
)
_PASSED_PREFIXES = ("LC_", "OMP_", "MKL_", "OPENBLAS_", "CUDA_", "NVIDIA_", "PYTORCH_")
# Model libraries are told to stay offline, and to give no notices about packages left out on
# purpose. That is no fence: code that wants the network has it, as far as the account does.
_SET = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "DIFFUSERS_OFFLINE": "1",
    "TRANSFORMERS_VERBOSITY": "error",
}


def host_command() -> list[str]:
    """This Python, running the host by module name: no import of model code in the worker."""
    return [sys.executable, *HOST_COMMAND]


def host_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """What of *environment* a host may see: nothing of darkroom's own, and no token.

    What a host must know of the settings, its worker adds as variables of their own.
    """
    passed = {
        name: value
        for name, value in environment.items()
        if name in _PASSED or name.startswith(_PASSED_PREFIXES)
    }
    return passed | _SET


class Host:
    """One host process.

    Args:
        command: see `host_command`.
        environment: see `host_environment`.
        silence: seconds without a sign of life after which it is killed; counted from its first.
        received: takes each of its messages; a `PeerMisbehaved` it raises ends the process.
        gone: called once after its end and its last message, with the status of `Child`, or
            `UNSTARTED` if there never was a process.
        delay: seconds before it starts; messages sent until then wait.
    """

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        *,
        silence: float,
        received: Callable[[FromHost], None],
        gone: Callable[[int], None],
        delay: float = 0.0,
    ) -> None:
        self._command = command
        self._environment = environment
        self._gone = gone
        self._loop = asyncio.get_running_loop()
        self._received = received
        self._link: Link[FromHost | Alive] = Link(
            FromHost | Alive, received=self._hear, closed=self._closed
        )
        self._connecting: asyncio.Task[object] | None = None
        self._connected = False
        self._waiting: list[tuple[ToHost, int]] = []
        self._child: Child | None = None
        self._status: int | None = None
        self._link_open = True
        self._turn_seconds = silence / WATCH_TURNS
        self._watch_timer: asyncio.TimerHandle | None = None
        self._silent_turns = 0
        self.killed: str | None = None
        """Why `kill` ended it, for those whom that took along."""
        self.silent = False
        self.ended = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = self._loop.call_later(delay, self._start)

    @property
    def fault(self) -> str | None:
        """What it did wrong, if that ended it."""
        return self._link.fault

    def send(self, message: ToHost, *, bulk_bytes: int = 0) -> None:
        """Send, or keep until it has started."""
        if self._connected:
            self._link.send(message, bulk_bytes=bulk_bytes)
        else:
            self._waiting.append((message, bulk_bytes))

    def kill(self, why: str) -> None:
        """End it now, for what *why* tells in a sentence; `gone` follows."""
        self.killed = self.killed or why
        if self._child is None:
            self._never()
        else:
            self._child.signal(signal.SIGKILL)

    def close(self) -> None:
        """Let it give back what it holds, then end; `gone` follows."""
        if self._child is None:
            self._never()
        elif self._connected:
            self._link.close()
        else:
            self.kill(CLOSED)

    def _start(self) -> None:
        self._timer = None
        try:
            ours, theirs = socket.socketpair()
        except OSError as error:
            self._unstarted(error)
            return
        ours.setblocking(False)  # noqa: FBT003  # takes no names
        try:
            with theirs:
                self._child = self._born(theirs)
        except OSError as error:
            ours.close()
            self._unstarted(error)
            return
        self._connecting = self._loop.create_task(self._connect(ours))

    def _born(self, theirs: socket.socket) -> Child:
        ends = ("--descriptor", str(theirs.fileno()), "--parent", str(os.getpid()))
        return Child(
            [*self._command, *ends],
            self._environment,
            keep=[theirs.fileno()],
            exited=self._exited,
        )

    def _unstarted(self, error: OSError) -> None:
        """End as a process would that could not become the program it was to be."""
        structlog.get_logger().warning("host.unstarted", why=error.strerror)
        self._loop.call_soon(self._end, UNSTARTED)

    async def _connect(self, ours: socket.socket) -> None:
        await self._loop.create_unix_connection(lambda: self._link, sock=ours)
        self._connected = True
        waiting, self._waiting = self._waiting, []
        for message, bulk_bytes in waiting:
            self._link.send(message, bulk_bytes=bulk_bytes)

    def _never(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self._loop.call_soon(self._end, -signal.SIGKILL)

    def _hear(self, message: FromHost | Alive) -> None:
        self._silent_turns = 0
        if self._watch_timer is None:
            self._watch()
        if not isinstance(message, Alive):
            self._received(message)

    def _watch(self) -> None:
        """Kill it once it was silent in every turn."""
        if self._silent_turns >= WATCH_TURNS and self._child is not None:
            self.silent = True
            self._child.signal(signal.SIGKILL)
            return
        self._silent_turns += 1
        self._watch_timer = self._loop.call_later(self._turn_seconds, self._watch)

    def _exited(self, status: int) -> None:
        self._status = status
        if not self._link_open:
            self._end(status)
        else:  # a child of its own may hold the other end of the socket
            self._loop.call_later(CLOSE_SECONDS, self._force)

    def _closed(self) -> None:
        self._link_open = False
        if self._status is not None:
            self._end(self._status)
        elif self._link.fault:
            self._force()
        else:
            self._loop.call_later(CLOSE_SECONDS, self._force)

    def _force(self) -> None:
        if self._status is None and self._child is not None:
            self._child.signal(signal.SIGKILL)
        elif self._link_open:
            self._link.close()

    def _end(self, status: int) -> None:
        if self._watch_timer is not None:
            self._watch_timer.cancel()
        if not self.ended.is_set():
            self.ended.set()
            self._gone(status)


class Hosts:
    """At most one host of each kind, started when first needed.

    Args:
        command: see `host_command`.
        environment: see `host_environment`.
        silence: seconds without a sign of life after which a host is killed.
        received: takes each message with the kind of its host.
        gone: takes the kind of a host that ended, how it ended in words, and what `kill` was told
            if that did it.
    """

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        *,
        silence: float,
        received: Callable[[str, FromHost], None],
        gone: Callable[[str, str, str | None], None],
    ) -> None:
        self._command = command
        self._environment = environment
        self._silence = silence
        self._received = received
        self._gone = gone
        self._hosts: dict[str, Host] = {}
        self._deaths: dict[str, int] = {}

    def send(self, kind: str, message: ToHost, *, bulk_bytes: int = 0) -> None:
        """Send to the host of *kind*, starting it if needed: later, if it keeps dying in setup."""
        host = self._hosts.get(kind)
        if host is None:
            host = self._hosts[kind] = self._start(kind)
        host.send(message, bulk_bytes=bulk_bytes)

    def kill(self, kind: str, why: str) -> None:
        """End the host of *kind* now; *why* is a sentence for whoever else runs in it."""
        if kind in self._hosts:
            self._hosts[kind].kill(why)

    async def close(self, *, kindly: bool) -> None:
        """End all; *kindly* lets them give back what they hold first."""
        hosts = list(self._hosts.values())
        for host in hosts:
            if kindly:
                host.close()
            else:
                host.kill(CLOSED)
        for host in hosts:
            await host.ended.wait()

    def _start(self, kind: str) -> Host:
        def received(message: FromHost) -> None:
            if isinstance(message, Loaded):
                self._deaths.pop(kind, None)
            self._received(kind, message)

        def gone(status: int) -> None:
            host = self._hosts.pop(kind)
            self._deaths[kind] = self._deaths.get(kind, -1) + 1
            fault = {"fault": host.fault} if host.fault else {}
            how = self._silent() if host.silent else exit_words(status)
            structlog.get_logger().info("host.ended", kind=kind, how=how, **fault)
            self._gone(kind, how, host.killed)

        deaths = self._deaths.get(kind, 0)
        return Host(
            self._command,
            self._environment,
            silence=self._silence,
            received=received,
            gone=gone,
            delay=RESTART_SECONDS[min(deaths, len(RESTART_SECONDS) - 1)],
        )

    def _silent(self) -> str:
        return f"it gave no sign of life for {self._silence:g} seconds and was killed"
