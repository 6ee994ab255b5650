"""What runs on a node of a Ray cluster: one process that keeps one worker alive.

No prediction, picture or token comes this way. Ray makes this object in a process of its own, by
the module's name: the node needs darkroom installed as whoever placed it has.
"""

import asyncio
import os
import socket
import sys
import threading
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from darkroom.placers.local import LocalPlacer

_TOKEN = "DARKROOM_TOKEN"  # noqa: S105  # the variable's name, not a token
_OF_RAY = ("RAY_", "PYTHONBREAKPOINT")
"""Not for workers: among them is the token that commands the cluster."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What a keeper is to keep; travels through Ray. See `ray_talk.Begin` for its parts."""

    name: str
    pool: str
    command: Sequence[str]
    tokens: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulse:
    """How a keeper is; travels through Ray."""

    node: str
    gpus: str
    pid: int | None
    draining: bool
    fault: str | None


class Keeper:
    """Keeps one worker alive; its process ends, and the worker with it, when Ray ends this one.

    A worker that cannot be started, as for want of a token, is tried again, and `ping` says why.
    """

    def __init__(self, place: Place) -> None:
        self._place = place
        self._fault: str | None = None
        self._draining = False
        self._loop = asyncio.new_event_loop()
        # The kernel ends the worker with the thread that started it: this one lives on.
        threading.Thread(target=self._loop.run_forever, daemon=True, name="keeper").start()
        self._placer = self._soon(self._begun())

    def ping(self) -> Pulse:
        """Say how it is."""
        return self._soon(self._pulse())

    def drain(self, grace_seconds: float) -> None:
        """Have the worker drain for so long, then kill it; it is gone after that, for good."""
        self._draining = True
        self._soon(self._placer.stop(grace_seconds))

    def _soon(self, work: Coroutine[object, object, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _begun(self) -> LocalPlacer:
        placer = LocalPlacer(
            lambda _: [*_leash(), *filled(self._place, sys.executable)],
            self._environment,
            on_exit=lambda _: None,
            name=self._place.name,
        )
        await placer.reconcile(1)
        return placer

    async def _pulse(self) -> Pulse:
        pid = self._placer.pids.get(self._place.name)
        return Pulse(
            node=socket.gethostname(),
            gpus=os.environ.get("CUDA_VISIBLE_DEVICES", ""),
            pid=pid,
            draining=self._draining,
            fault=None if pid else self._fault,
        )

    def _environment(self) -> Mapping[str, str]:
        try:
            found = worker_environment(os.environ, self._place)
        except OSError as error:
            self._fault = f"{error.filename}: cannot be read ({error.strerror})"
            raise
        self._fault = "the worker ends again and again; its log on the node says why"
        return found


def _leash() -> list[str]:
    """Words before a command that let it die with this process."""
    return [sys.executable, "-P", "-m", "darkroom.protocol.lifeline", str(os.getpid())]


def filled(place: Place, python: str) -> list[str]:
    """The command of *place* with every place in it filled."""
    meanings = {"python": python, "name": place.name, "pool": place.pool}
    words = list(place.command)
    for name, meaning in meanings.items():
        words = [word.replace(f"{{{name}}}", meaning) for word in words]
    return words


def worker_environment(environment: Mapping[str, str], place: Place) -> dict[str, str]:
    """What of a node's *environment* a worker gets, with the token of its pool.

    Raises:
        OSError: the file with the token cannot be read.
    """
    told = {name: value for name, value in environment.items() if not name.startswith(_OF_RAY)}
    if place.tokens is not None:
        told[_TOKEN] = (Path(place.tokens) / place.pool).read_text("utf-8").strip()
    return told
