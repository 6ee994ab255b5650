"""Start and stop a server on a free port, in a session and a scratch folder of its own."""

import http.client
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench import processes, spread

SCRATCH = Path("build/bench")
START_SECONDS = 60.0
STOP_SECONDS = 20.0
POLL_SECONDS = 0.005


class NotStarted(Exception):
    """A server did not get healthy; its log says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How one server is started. `{port}` and `{scratch}` are filled into words and values."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    health: str
    healthy: bytes = b""  # is in the body of the health answer once the server is ready


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    pid: int
    port: int
    scratch: Path
    log: Path
    start_seconds: float


@dataclass(slots=True, kw_only=True)
class Place:
    """Where a server runs: it keeps port, scratch folder and log when it is started again."""

    recipe: Recipe
    port: int
    scratch: Path
    log: Path
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def start(self) -> Running:
        """Start it, and return once it is healthy.

        Raises:
            NotStarted: it ended or stayed silent; names the log.
        """
        blanks = {"port": str(self.port), "scratch": str(self.scratch)}
        began = time.perf_counter()
        with self.log.open("ab") as sink:
            self._process = process = subprocess.Popen(
                [word.format_map(blanks) for word in self.recipe.command],
                env=_environment(self.recipe, blanks, self.scratch),
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        _await_health(self.recipe, process, self.port, self.log)
        return Running(
            pid=process.pid,
            port=self.port,
            scratch=self.scratch,
            log=self.log,
            start_seconds=time.perf_counter() - began,
        )

    def kill(self) -> None:
        """SIGKILL the server's own process, and nothing below it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def stop(self) -> None:
        """End it and whatever it has started."""
        if self._process is not None:
            _stop(self._process)


@contextmanager
def placed(recipe: Recipe) -> Generator[Place]:
    """A clean scratch folder and a free port for *recipe*; all is gone afterwards."""
    scratch = spread.folder(SCRATCH, recipe.name)
    (scratch / "tmp").mkdir()
    log = SCRATCH / f"{recipe.name}.log"
    log.write_bytes(b"")
    place = Place(recipe=recipe, port=_free_port(), scratch=scratch, log=log)
    try:
        yield place
    finally:
        place.stop()
        shutil.rmtree(scratch, ignore_errors=True)


@contextmanager
def running(recipe: Recipe) -> Generator[Running]:
    """Run *recipe* from a clean scratch folder; all its processes are gone afterwards.

    Raises:
        NotStarted: it ended or stayed silent; names the log.
    """
    with placed(recipe) as place:
        yield place.start()


def get(port: int, path: str) -> tuple[int, bytes]:
    """One GET on a connection of its own; status 0 if nobody listens yet."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException):
        return 0, b""
    finally:
        connection.close()


def _environment(recipe: Recipe, blanks: Mapping[str, str], scratch: Path) -> dict[str, str]:
    own = {key: value.format_map(blanks) for key, value in recipe.environment.items()}
    return {**os.environ, "TMPDIR": str(scratch / "tmp"), **own}


def _await_health(recipe: Recipe, process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    until = time.perf_counter() + START_SECONDS
    while time.perf_counter() < until and process.poll() is None:
        status, body = get(port, recipe.health)
        if status == 200 and recipe.healthy in body:
            return
        time.sleep(POLL_SECONDS)
    raise NotStarted(f"{recipe.name} did not start; see {log}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    members = {pid: processes.name(pid) for pid in processes.family(process.pid)}
    if process.poll() is None:
        process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for pid, command in members.items():
        if command and processes.name(pid) == command:
            os.kill(pid, signal.SIGKILL)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
