"""Workers as child processes of the server on this machine."""

import asyncio
import signal
from collections.abc import Callable, Mapping, Sequence

import structlog

from darkroom.domain.ids import LOCAL_WORKERS
from darkroom.protocol.lifeline import Child, exit_words

RESTART_SECONDS = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
STEADY_SECONDS = 30.0  # a worker that lived this long starts over at no delay


class LocalPlacer:
    """Satisfies `ports.Placer`; made and used inside one event loop, in a thread that lives on.

    Args:
        command: program and arguments of the worker of a name.
        environment: gives all of its environment, anew at every start; an OSError it raises counts
            as a start that failed.
        on_exit: called with the name of a worker that ended, for whatever reason.
        restart_seconds: waits before the first, second … restart of a worker that keeps ending.
        name: of a worker, with a place for its number.
    """

    def __init__(
        self,
        command: Callable[[str], Sequence[str]],
        environment: Callable[[], Mapping[str, str]],
        *,
        on_exit: Callable[[str], None],
        restart_seconds: Sequence[float] = RESTART_SECONDS,
        name: str = f"{LOCAL_WORKERS}{{}}",
    ) -> None:
        self._command = command
        self._environment = environment
        self._on_exit = on_exit
        self._restart_seconds = restart_seconds
        self._name = name
        self._loop = asyncio.get_running_loop()
        self._want = 0
        self._children: dict[str, Child] = {}
        self._restarts: dict[str, asyncio.TimerHandle] = {}
        self._failures: dict[str, int] = {}
        self._all_ended = asyncio.Event()
        self._all_ended.set()

    async def reconcile(self, want: int) -> None:
        """Start workers numbered 1 to *want*, drain those beyond.

        A worker that cannot be started is tried again later, as one that ended is.
        """
        self._want = want
        for name in self._names():
            if name not in self._children and name not in self._restarts:
                self._start(name)
        for name, child in self._children.items():
            if name not in self._names():
                child.signal(signal.SIGTERM)

    def replace(self, name: str) -> None:
        """Kill a worker that does not answer, stopped or not; another of its name is started."""
        child = self._children.get(name)
        if child is not None:
            structlog.get_logger().warning("worker.killed", worker=name, pid=child.pid)
            child.signal(signal.SIGKILL)

    async def stop(self, grace_seconds: float) -> None:
        """Let every worker drain for that long, then kill what is left; all are gone after it."""
        self._want = 0
        for timer in self._restarts.values():
            timer.cancel()
        self._restarts.clear()
        self._signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(self._all_ended.wait(), grace_seconds)
        except TimeoutError:
            self._signal(signal.SIGKILL)
            await self._all_ended.wait()

    @property
    def pids(self) -> Mapping[str, int]:
        """Process ids of the workers that run, by name."""
        return {name: child.pid for name, child in self._children.items()}

    def _names(self) -> list[str]:
        return [self._name.format(number) for number in range(1, self._want + 1)]

    def _signal(self, number: signal.Signals) -> None:
        for child in self._children.values():
            child.signal(number)

    def _start(self, name: str) -> None:
        self._restarts.pop(name, None)
        if name not in self._names():
            return
        began = self._loop.time()
        try:
            child = Child(
                self._command(name),
                self._environment(),
                exited=lambda status: self._exited(name, status, began),
            )
        except OSError as error:  # no process or memory left, or no interpreter any more
            structlog.get_logger().warning("worker.unstarted", worker=name, why=error.strerror)
            self._restart_later(name, lived=0.0)
            return
        self._children[name] = child
        self._all_ended.clear()
        structlog.get_logger().info("worker.started", worker=name, pid=child.pid)

    def _exited(self, name: str, status: int, began: float) -> None:
        del self._children[name]
        if not self._children:
            self._all_ended.set()
        structlog.get_logger().info("worker.ended", worker=name, how=exit_words(status))
        if name in self._names():
            self._restart_later(name, lived=self._loop.time() - began)
        self._on_exit(name)

    def _restart_later(self, name: str, *, lived: float) -> None:
        failures = 0 if lived > STEADY_SECONDS else self._failures.get(name, 0)
        self._failures[name] = failures + 1
        delay = self._restart_seconds[min(failures, len(self._restart_seconds) - 1)]
        self._restarts[name] = self._loop.call_later(delay, self._start, name)
