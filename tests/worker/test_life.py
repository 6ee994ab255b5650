"""A worker as a process of its own: how it ends, and that nothing is left of it."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from tests.worker.scripted import ROOT, Server, spec
from tests.worker.test_stops import started

from darkroom.protocol.lifeline import Child

HEAVY = ("torch", "numpy", "_imaging")


class Process:
    """`darkroom worker` and the server it talks to."""

    def __init__(self, folder: Path) -> None:
        self.server = Server(folder / "s")
        self.status: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        socket = str(self.server.socket)
        self.child = Child(
            [sys.executable, "-m", "darkroom", "worker", "--socket", socket, "--name", "local-1"],
            os.environ | {"DARKROOM_DATA_DIR": str(folder / "data"), "PYTHONPATH": str(ROOT)},
            exited=self.status.set_result,
        )

    def hosts(self) -> list[int]:
        """Process ids of its hosts."""
        path = Path(f"/proc/{self.child.pid}/task/{self.child.pid}/children")
        pids = [int(pid) for pid in path.read_text().split()]
        return [pid for pid in pids if b"runners.host" in Path(f"/proc/{pid}/cmdline").read_bytes()]

    def libraries(self) -> str:
        """Paths of all it has mapped."""
        return Path(f"/proc/{self.child.pid}/maps").read_text()


@pytest.fixture
async def process(tmp_path: Path) -> AsyncGenerator[Process]:
    made = Process(tmp_path)
    listener = await made.server.listen()
    await made.server.joined.wait()
    yield made
    made.child.signal(signal.SIGKILL)
    await made.status
    listener.close()


async def ended(pid: int) -> None:
    """Wait for the end of a process that is not our child."""
    over = asyncio.Event()
    handle = os.pidfd_open(pid)
    asyncio.get_running_loop().add_reader(handle, over.set)
    await over.wait()
    asyncio.get_running_loop().remove_reader(handle)
    os.close(handle)


async def test_it_says_who_it_is_and_what_it_takes(process: Process) -> None:
    hello = process.server.hello
    assert hello is not None
    assert hello.worker == "local-1"
    assert hello.slots["echo"] == 64
    assert hello.slots["diffusers"] == 8


async def test_it_holds_no_model_code(process: Process) -> None:
    heard = await process.server.run(spec(), {"image": "data:,GIF89a"})
    assert heard.end.outcome == "succeeded"
    libraries = process.libraries()
    assert "/uvloop" in libraries
    assert [name for name in HEAVY if f"/{name}" in libraries] == []


async def test_sigterm_drains_it(process: Process, tmp_path: Path) -> None:
    heard = await started(process.server.job(spec(), {"ms": 3_600_000}))
    process.child.signal(signal.SIGTERM)
    await process.server.draining.wait()
    process.server.stop()
    assert await process.status == 0
    await process.server.left.wait()
    assert heard.end.outcome == "canceled"
    assert list((tmp_path / "data" / "run").iterdir()) == []


async def test_a_host_lives_through_the_signals_of_a_terminal(process: Process) -> None:
    heard = await started(process.server.job(spec(), {"ms": 3_600_000}))
    [host] = process.hosts()
    os.kill(host, signal.SIGINT)
    os.kill(host, signal.SIGTERM)
    process.server.stop()
    await heard.ended.wait()
    assert heard.end.outcome == "canceled"
    assert process.hosts() == [host]


async def test_it_ends_with_its_server_and_leaves_no_host(process: Process) -> None:
    await started(process.server.job(spec("tests.zoo.ignores_cancel:Runner"), {}))
    [host] = process.hosts()
    process.server.hang_up()
    assert await process.status == 1
    with pytest.raises(ProcessLookupError):
        os.kill(host, 0)


@pytest.mark.fault(6)
async def test_a_host_dies_with_a_killed_worker(process: Process) -> None:
    await started(process.server.job(spec("tests.zoo.blocks_the_loop:Runner"), {}))
    [host] = process.hosts()
    process.child.signal(signal.SIGKILL)
    await ended(host)


async def test_it_ends_at_once_where_nobody_listens(tmp_path: Path) -> None:
    process = Process(tmp_path)
    assert await process.status == 1
