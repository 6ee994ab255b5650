"""A Ray cluster for a test, all of whose processes are gone after it."""

import asyncio
import json
import os
import shutil
import signal
import sys
import tempfile
import uuid
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
from tests.support.ports import free_port
from tests.support.processes import alive, descendants

from darkroom.domain.errors import ClusterAway
from darkroom.placers.ray import RayPlacer
from darkroom.placers.ray_talk import Begin
from darkroom.ports.serving import PoolWant

HERE = Path(__file__).parent
TOKEN = "a token of forty characters for the tests"
_MARK = "DARKROOM_TEST_CLUSTER"
_PATIENCE_SECONDS = 60.0
ENVIRONMENT = {
    "RAY_AUTH_MODE": "token",
    "RAY_AUTH_TOKEN": TOKEN,
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_gcs_rpc_server_reconnect_timeout_s": "3600",
    "RAY_enable_worker_prestart": "0",
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # as there, it then keeps to loopback
}


class Fact(msgspec.Struct, frozen=True):
    """What `ray_worker.py` writes down."""

    pid: int
    environment: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rig:
    """A cluster, and what its workers write down.

    Args:
        folder: where each worker has a file of its name.
    """

    address: str
    folder: Path
    environment: Mapping[str, str]
    program: asyncio.subprocess.Process
    placers: list[RayPlacer] = field(default_factory=list[RayPlacer])

    def placer(
        self,
        *,
        tokens: Path | None = None,
        open_allowed: bool = False,
        ray_token: str = TOKEN,
        patience_seconds: float = 30.0,
    ) -> RayPlacer:
        """A placer of workers that write down who they are."""
        command = ("{python}", str(HERE / "ray_worker.py"), str(self.folder), "{name}")
        begin = Begin(
            address=self.address,
            namespace="darkroom",
            command=command,
            tokens=str(tokens) if tokens else None,
            open_allowed=open_allowed,
        )
        environment = {**self.environment, "RAY_AUTH_TOKEN": ray_token}
        made = RayPlacer(begin, environment, patience_seconds=patience_seconds)
        self.placers.append(made)
        return made

    async def tell(self, *words: str | int) -> None:
        """Have the cluster do something, and wait until it has."""
        assert self.program.stdin is not None
        assert self.program.stdout is not None
        self.program.stdin.write(json.dumps(words).encode() + b"\n")
        assert await self.program.stdout.readline() == b"done\n"

    def fact(self, name: str) -> "Fact":
        """What the worker of that name has written down last."""
        return msgspec.json.decode((self.folder / name).read_bytes(), type=Fact)

    @property
    def told(self) -> Mapping[str, int]:
        """Process ids of all workers that have ever written one down, by name; the last of each."""
        return {
            path.name: self.fact(path.name).pid
            for path in self.folder.iterdir()
            if "." not in path.name
        }


@asynccontextmanager
async def cluster(
    folder: Path, *, gpus: Mapping[str, int], environment: Mapping[str, str] | None = None
) -> AsyncGenerator[Rig]:
    """A head and a node of so many pretended GPUs for each name."""
    temporary = Path(tempfile.mkdtemp(prefix="ray-"))  # pytest's own are too long for sockets
    mark = uuid.uuid4().hex
    spoken = {**os.environ, **ENVIRONMENT, **(environment or {}), _MARK: mark}
    spoken["RAY_TMPDIR"] = str(temporary)
    program = await asyncio.create_subprocess_exec(
        sys.executable,
        str(HERE / "ray_cluster.py"),
        str(free_port()),
        env=spoken,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert program.stdout is not None
    try:
        address = (await program.stdout.readline()).decode().strip()
        rig = Rig(address=address, folder=folder, environment=spoken, program=program)
        for name, count in gpus.items():
            await rig.tell("add", name, count)
        yield rig
        for placer in rig.placers:
            await placer.close()
    finally:
        await _end(program, mark)
        shutil.rmtree(temporary, ignore_errors=True)


async def _end(program: asyncio.subprocess.Process, mark: str) -> None:
    """End the cluster and whatever it has started, and see that all of it is gone."""
    # Some of its children hide their environment.
    doomed = {*descendants(program.pid), *_marked(mark)}
    with suppress(ProcessLookupError):
        program.kill()
    await program.wait()
    async with asyncio.timeout(_PATIENCE_SECONDS):
        while doomed:
            for pid in doomed:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            await asyncio.sleep(0.05)
            doomed = {pid for pid in doomed if alive(pid)} | _marked(mark)


def parent(pid: int) -> int:
    """The process that started this one."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def _marked(mark: str) -> set[int]:
    found: set[int] = set()
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended, or belongs to somebody else
            if f"{_MARK}={mark}".encode() in (process / "environ").read_bytes():
                found.add(int(process.name))
    return found


def want(workers: int) -> Mapping[str, PoolWant]:
    """So many workers of the default pool."""
    return {"default": PoolWant(workers=workers)}


async def settled(
    placer: RayPlacer, wanted: Mapping[str, PoolWant], when: Callable[[], object]
) -> None:
    """Rounds until *when* says yes; a head that is away meanwhile is asked again."""
    async with asyncio.timeout(_PATIENCE_SECONDS):
        while True:
            with suppress(ClusterAway):
                await placer.reconcile(wanted)
            if when():
                return
            await asyncio.sleep(0.05)


async def away(placer: RayPlacer, wanted: Mapping[str, PoolWant], words: str) -> None:
    """Rounds until one is refused in these words."""
    async with asyncio.timeout(_PATIENCE_SECONDS):
        while True:
            try:
                await placer.reconcile(wanted)
            except ClusterAway as error:
                if words in str(error):
                    return
            await asyncio.sleep(0.05)


def running(placer: RayPlacer) -> Mapping[str, int]:
    """Process ids of the workers the last round found, by name."""
    return {one.name: one.pid for one in placer.keepers if one.pid is not None}
