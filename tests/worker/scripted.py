"""The server's half of the worker protocol, played by a test; and small tools for a worker."""

import asyncio
import os
import sys
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from tests.support.versions import make_spec

from darkroom.blobs.local import LocalBlobs
from darkroom.domain.errors import InputUnusable
from darkroom.ports.buckets import SignedFiles
from darkroom.protocol.link import Link
from darkroom.protocol.messages import (
    PROTOCOL,
    Beat,
    Draining,
    Ended,
    FieldSpec,
    FileFact,
    FileRef,
    Gave,
    Granted,
    Hello,
    Job,
    Know,
    Pixels,
    Preview,
    Said,
    Stop,
    Told,
    ToServer,
    VersionSpec,
    Wants,
    Welcome,
)
from darkroom.worker.client import Worker
from darkroom.worker.folders import run_folder
from darkroom.worker.lines import UnixConnector
from darkroom.worker.options import Options, Tools
from darkroom.worker.process import host_command, host_environment

if TYPE_CHECKING:
    from darkroom.domain.model import Json

ROOT = Path(__file__).parents[2]

ECHO_FIELDS = (
    FieldSpec(name="prompt", type="string"),
    FieldSpec(name="image", type="file"),
    FieldSpec(name="ms", type="integer", default=0),
)


def spec(kind: str = "echo", **changes: object) -> VersionSpec:
    """A version whose id is made from its kind."""
    plain: dict[str, object] = {
        "id": kind.encode().hex()[:64].ljust(64, "0"),
        "model": "darkroom/test",
        "kind": kind,
        "fields": ECHO_FIELDS,
        "output": "file",
        "concurrency": 64,
        "pixels": False,
    }
    return make_spec(**(plain | changes))


@dataclass
class Heard:
    """What one attempt has told."""

    messages: list[Told] = field(default_factory=list[Told])
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def end(self) -> Ended:
        last = self.messages[-1].ended
        assert last is not None
        return last

    @property
    def logs(self) -> str:
        return "".join(
            event.text for one in self.messages for event in one.events if isinstance(event, Said)
        )

    @property
    def gave(self) -> list[Gave]:
        return [event for one in self.messages for event in one.events if isinstance(event, Gave)]

    @property
    def files(self) -> list[FileFact]:
        return [one.file for one in self.gave if one.file is not None]


class Server:
    """Listens on a socket for one worker."""

    def __init__(self, socket: Path, *, beat_seconds: float = 60.0) -> None:
        self.socket = socket
        self.beat_seconds = beat_seconds
        self.hello: Hello | None = None
        self.beats: list[Beat] = []
        self.wants: list[Wants] = []
        self.previews: list[Preview] = []
        self.grants = True
        self.beat = asyncio.Event()
        self.preview = asyncio.Event()
        self.draining = asyncio.Event()
        self.joined = asyncio.Event()
        self.left = asyncio.Event()
        self.heard: dict[tuple[str, int], Heard] = {}
        self._known: set[str] = set()
        self._link: Link[ToServer] | None = None

    async def listen(self) -> asyncio.AbstractServer:
        loop = asyncio.get_running_loop()
        return await loop.create_unix_server(self._connected, str(self.socket))

    def send(self, message: object) -> None:
        assert self._link is not None
        self._link.send(message)

    def hang_up(self) -> None:
        assert self._link is not None
        self._link.close()

    def job(
        self,
        version: VersionSpec,
        given: "Mapping[str, Json] | str",
        *,
        name: str = "p1",
        attempt: int = 1,
        files: list[FileRef] | None = None,
        puts: list[str] | None = None,
    ) -> Heard:
        if version.id not in self._known:
            self._known.add(version.id)
            self.send(Know(version))
        text = given if isinstance(given, str) else msgspec.json.encode(given).decode()
        self.heard[name, attempt] = heard = Heard()
        self.send(Job(name, attempt, version.id, text, files or [], puts))
        return heard

    async def run(self, version: VersionSpec, given: "Mapping[str, Json] | str") -> Heard:
        heard = self.job(version, given, name=f"p{len(self.heard) + 1}")
        await heard.ended.wait()
        return heard

    def stop(self, name: str = "p1", attempt: int = 1) -> None:
        self.send(Stop(name, attempt))

    def _connected(self) -> Link[ToServer]:
        self._link = Link(ToServer, received=self._received, closed=self.left.set)
        return self._link

    def _received(self, message: ToServer) -> None:
        match message:
            case Told():
                heard = self.heard[message.id, message.attempt]
                assert not heard.ended.is_set()
                heard.messages.append(message)
                heard.changed.set()
                if message.ended is not None:
                    heard.ended.set()
            case Wants():
                self.wants.append(message)
                url = f"granted-{len(self.wants)}" if self.grants else None
                self.send(Granted(message.id, message.attempt, message.index, url))
            case Hello():
                self.hello = message
                self.send(Welcome(PROTOCOL, self.beat_seconds))
                self.joined.set()
            case Beat():
                self.beats.append(message)
                self.beat.set()
            case Draining():
                self.draining.set()
            case Preview():
                self.previews.append(message)
                self.preview.set()
            case _:
                raise AssertionError(message)


class Pictures:
    """Answers every URL from a table; satisfies `ports.Fetcher`."""

    def __init__(self) -> None:
        self.pages: dict[str, bytes] = {}
        self.never: asyncio.Event | None = None

    async def fetch(self, url: str, *, limit_bytes: int) -> bytes:
        if self.never is not None:
            await self.never.wait()
        if url not in self.pages:
            raise InputUnusable("the address cannot be reached")
        if len(self.pages[url]) > limit_bytes:
            raise InputUnusable(f"larger than {limit_bytes} bytes")
        return self.pages[url]

    async def download(
        self,
        url: str,
        to: Path,
        *,
        headers: Mapping[str, str],
        progress: Callable[[int, int | None], None],
    ) -> None:
        raise NotImplementedError


class RawDecoder:
    """Writes the bytes as they are; satisfies `ports.PictureDecoder`."""

    async def decode(self, data: bytes, to: Path) -> Pixels:
        if data.endswith(b"truncated"):
            raise InputUnusable("the picture is truncated")
        await asyncio.to_thread(to.write_bytes, data)
        return Pixels(str(to), len(data), 1)


class ReadyWeights:
    """Weights that are there already, unless told otherwise; satisfies `ports.WeightsSource`."""

    def __init__(self) -> None:
        self.error: Exception | None = None

    async def provide(self, version: VersionSpec, log: Callable[[str], None]) -> VersionSpec:
        log("weights: looking")
        if self.error is not None:
            raise self.error
        config = version.config | {"weights": "folder"}
        return msgspec.structs.replace(version, config=config)


@dataclass
class Rig:
    """A worker in this process, its server and its tools."""

    server: Server
    worker: Worker
    running: asyncio.Task[bool]
    blobs: LocalBlobs
    pictures: Pictures
    weights: ReadyWeights
    folder: Path


def options(folder: Path, host: Sequence[str] | None = None, **changes: float) -> Options:
    environment = host_environment(os.environ) | {"PYTHONPATH": str(ROOT)}
    plain: dict[str, float] = {
        "resident_models": 2,
        "fetch_limit_bytes": 1_000_000,
        "setup_limit": 60.0,
        "run_limit": 60.0,
        "cancel_grace": 20.0,
        "drain": 20.0,
        "host_silence": 60.0,
        "load_patience": 10.0,
    }
    chosen = plain | changes
    return Options(
        name="local-1",
        incarnation=1,
        connector=UnixConnector(folder / "s"),
        slots={"echo": 64},
        run_folder=folder / "run" / "local-1",
        host_command=host or host_command(),
        host_environment=environment,
        resident_models=int(chosen["resident_models"]),
        fetch_limit_bytes=int(chosen["fetch_limit_bytes"]),
        setup_limit=chosen["setup_limit"],
        run_limit=chosen["run_limit"],
        cancel_grace=chosen["cancel_grace"],
        drain=chosen["drain"],
        host_silence=chosen["host_silence"],
        load_patience=chosen["load_patience"],
        put_retries=(0.0, 0.0),
    )


class NoBucket(SignedFiles):
    """For servers whose files a worker opens itself."""

    async def put(self, url: str, data: bytes) -> None:
        raise AssertionError(f"{len(data)} bytes were sent to {url}")

    async def get(self, url: str) -> bytes:
        raise AssertionError(f"{url} was asked for")


@asynccontextmanager
async def rig(
    folder: Path,
    *,
    beat_seconds: float = 60.0,
    host: Sequence[str] | None = None,
    signed: SignedFiles | None = None,
    server: Server | None = None,
    **changes: float,
) -> AsyncGenerator[Rig]:
    """A worker that has said hello; its hosts are gone afterwards."""
    server = server or Server(folder / "s", beat_seconds=beat_seconds)
    listener = await server.listen()
    blobs, pictures, weights = LocalBlobs(folder / "files"), Pictures(), ReadyWeights()
    tools = Tools(
        blobs=blobs,
        signed=signed or NoBucket(),
        fetcher=pictures,
        decoder=RawDecoder(),
        weights=weights,
    )
    with run_folder(folder / "run", "local-1"):
        worker = Worker(options(folder, host, **changes), tools)
        running = asyncio.create_task(worker.run())
        await server.joined.wait()
        try:
            yield Rig(server, worker, running, blobs, pictures, weights, folder)
        finally:
            server.hang_up()
            await running
            listener.close()
            await blobs.close()


def children() -> set[int]:
    """Process ids of this process's children that still run."""
    path = Path(f"/proc/self/task/{os.getpid()}/children")
    return {int(pid) for pid in path.read_text().split()}


if sys.platform != "linux":
    raise RuntimeError("hosts are watched through Linux's pidfd")
