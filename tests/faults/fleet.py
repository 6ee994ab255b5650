"""Two servers on one PostgreSQL and workers elsewhere, all behind one address, and their faults."""

import signal
import threading
from collections.abc import Generator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.faults.rows import Rows, read_hand
from tests.store.places import Loop, PostgresPlace
from tests.support.cable import Cable
from tests.support.ports import free_port
from tests.support.postgres import Cluster, cluster
from tests.support.processes import Server
from tests.support.remote import RemoteWorker

WORKERS = 3
TOKEN = "a-token-of-sixteen-characters"


@dataclass(frozen=True, slots=True)
class Fleet:
    """What runs. Each fault hits the server or worker of a number; they are counted round.

    Attributes:
        url: the address before both servers.
        pause_seconds: how long what is stopped stands still.
    """

    url: str
    postgres: Cluster
    servers: Sequence[Server]
    workers: Sequence[RemoteWorker]
    pause_seconds: float

    def server_killed(self, which: int) -> None:
        server = self._server(which)
        server.kill()
        server.start()

    def server_renewed(self, which: int) -> None:
        server = self._server(which)
        assert server.stop() == 0
        server.start()

    def server_paused(self, which: int) -> None:
        self._paused(self._server(which))

    def worker_killed(self, which: int) -> None:
        worker = self._worker(which)
        worker.send(signal.SIGKILL)
        worker.ended()
        _begin(worker)

    def worker_renewed(self, which: int) -> None:
        worker = self._worker(which)
        assert worker.stop() == 0, worker.log
        _begin(worker)

    def worker_paused(self, which: int) -> None:
        self._paused(self._worker(which))

    def postgres_killed(self, _which: int) -> None:
        self.postgres.kill()
        self.postgres.start()

    def _server(self, which: int) -> Server:
        return self.servers[which % len(self.servers)]

    def _worker(self, which: int) -> RemoteWorker:
        return self.workers[which % len(self.workers)]

    def _paused(self, one: Server | RemoteWorker) -> None:
        one.send(signal.SIGSTOP)
        threading.Event().wait(self.pause_seconds)  # the fault itself: time, and nothing else
        one.send(signal.SIGCONT)

    def rows(self, loop: Loop) -> Rows:
        with closing(PostgresPlace(loop, self.postgres.url)) as place:
            return read_hand(place.hand())


@contextmanager
def fleet(folder: Path, *, silence_seconds: float = 10.0) -> Generator[Fleet]:
    """Until the block ends; servers have one folder of files, and what stops stops for long."""
    silence = {"worker_silence_seconds": str(silence_seconds)}
    with ExitStack() as stack:
        postgres = stack.enter_context(cluster(quick=False))
        settings = {"workers": "0", "worker_token": TOKEN, **silence}
        settings["database_url"] = postgres.url
        servers = [_server(folder, name, settings) for name in ("one", "two")]
        for server in servers:
            stack.enter_context(server)
        cable = stack.enter_context(Cable(*(one.url for one in servers)))
        workers = [
            RemoteWorker(folder / f"worker-{number}", cable.url, TOKEN, **silence)
            for number in range(WORKERS)
        ]
        for worker in workers:
            stack.callback(worker.__exit__)
            _begin(worker)
        yield Fleet(cable.url, postgres, servers, workers, 2 * silence_seconds)


def _begin(worker: RemoteWorker) -> None:
    """Start it, and wait until it is there: before, a signal would end it on the spot."""
    worker.log = ""
    worker.start()
    worker.heard("worker.connected")


def _server(folder: Path, name: str, settings: dict[str, str]) -> Server:
    data, files = folder / name / "data", folder / "files"
    files.mkdir(exist_ok=True)
    data.mkdir(parents=True)
    (data / "files").symlink_to(files)
    return Server(folder / name, **settings, port=str(free_port()))
