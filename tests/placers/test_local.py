"""Workers are kept alive, ended kindly, and killed when they do not listen."""

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from darkroom.placers.local import LocalPlacer

STAYS = "import signal; print(flush=True); signal.pause()"
DEAF = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {ready}; signal.pause()"
ENDS = "raise SystemExit(7)"


class Exits:
    """Names of workers that ended."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self._news = asyncio.Event()

    def __call__(self, name: str) -> None:
        self.names.append(name)
        self._news.set()

    async def count(self, number: int) -> None:
        while len(self.names) < number:
            self._news.clear()
            await self._news.wait()


def placer(code: str, exits: Exits, restart_seconds: Sequence[float] = (0.0,)) -> LocalPlacer:
    return LocalPlacer(
        lambda _: (sys.executable, "-c", code),
        lambda: {"PATH": os.environ["PATH"]},
        on_exit=exits,
        restart_seconds=restart_seconds,
    )


async def one_started(exits: Exits) -> tuple[LocalPlacer, asyncio.Queue[str]]:
    """A placer whose one worker has been started, and the names it starts from then on."""
    starts: asyncio.Queue[str] = asyncio.Queue()

    def command(name: str) -> Sequence[str]:
        starts.put_nowait(name)
        return (sys.executable, "-c", STAYS)

    here = LocalPlacer(command, dict, on_exit=exits)
    await here.reconcile(1)
    assert await starts.get() == "local-1"
    return here, starts


async def test_as_many_run_as_are_wanted_and_none_after_the_stop() -> None:
    exits = Exits()
    here = placer(STAYS, exits)
    await here.reconcile(2)
    first = dict(here.pids)
    await here.reconcile(2)
    assert sorted(first) == ["local-1", "local-2"]
    assert here.pids == first
    await here.stop(30)
    assert here.pids == {}
    assert sorted(exits.names) == ["local-1", "local-2"]


async def test_one_too_many_is_told_to_end_and_stays_away() -> None:
    exits = Exits()
    here = placer(STAYS, exits)
    await here.reconcile(2)
    await here.reconcile(1)
    await exits.count(1)
    assert exits.names == ["local-2"]
    assert list(here.pids) == ["local-1"]
    await here.stop(30)


async def test_a_killed_worker_is_told_and_started_again() -> None:
    exits = Exits()
    here, starts = await one_started(exits)
    os.kill(here.pids["local-1"], signal.SIGKILL)
    assert await starts.get() == "local-1"
    assert exits.names == ["local-1"]
    await here.stop(30)


async def test_a_worker_that_keeps_ending_is_started_ever_later() -> None:
    exits = Exits()
    here = placer(ENDS, exits, restart_seconds=(0.0, 0.0, 3600.0))
    await here.reconcile(1)
    await exits.count(3)
    await here.reconcile(1)
    assert here.pids == {}
    await here.stop(30)
    assert exits.names == ["local-1"] * 3


async def test_a_worker_that_does_not_listen_is_killed_after_the_grace(tmp_path: Path) -> None:
    exits = Exits()
    ready = tmp_path / "ready"
    os.mkfifo(ready)
    here = placer(DEAF.format(ready=f"open({str(ready)!r}, 'w').close()"), exits)
    await here.reconcile(1)
    await asyncio.to_thread(ready.read_bytes)
    await here.stop(0.05)
    assert exits.names == ["local-1"]


async def test_a_worker_that_cannot_be_started_is_tried_again(tmp_path: Path) -> None:
    tries: list[str] = []
    missing, found = [str(tmp_path / "no-such-program")], [sys.executable, "-c", ENDS]

    def command(name: str) -> Sequence[str]:
        tries.append(name)
        return found if len(tries) == 4 else missing

    exits = Exits()
    here = LocalPlacer(command, dict, on_exit=exits, restart_seconds=(0.0, 0.0, 0.0, 0.0, 3600.0))
    await here.reconcile(1)
    assert here.pids == {}
    await exits.count(1)
    assert tries == ["local-1"] * 4
    await here.stop(30)


async def test_a_worker_to_be_restarted_stays_away_when_fewer_are_wanted(tmp_path: Path) -> None:
    tries: list[str] = []

    def command(name: str) -> Sequence[str]:
        tries.append(name)
        return [str(tmp_path / "no-such-program")]

    here = LocalPlacer(command, dict, on_exit=Exits(), restart_seconds=(0.0,))
    await here.reconcile(1)
    await here.reconcile(0)
    for _ in range(10):  # turns of the loop in which it could be started
        await asyncio.sleep(0)
    assert tries == ["local-1"]
    await here.stop(30)


async def test_a_worker_that_is_stopped_is_killed_and_replaced() -> None:
    exits = Exits()
    here, starts = await one_started(exits)
    stopped = here.pids["local-1"]
    os.kill(stopped, signal.SIGSTOP)
    here.replace("local-1")
    here.replace("local-2")  # of which nobody knows
    assert await starts.get() == "local-1"
    assert exits.names == ["local-1"]
    assert here.pids["local-1"] != stopped
    await here.stop(30)
