"""A disk that takes nothing more: what is refused, what is kept, and what goes on afterwards."""

import resource
import subprocess
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.faults.clients import Client
from tests.faults.history import History, Verdict, contradictions, unended
from tests.faults.rows import read_sqlite
from tests.support.processes import Server

SMALL_DISK = "size=24m"
WORDS = {"prompt": "runs", "ms": 1500}

Fill = Callable[[Server], None]


def database(server: Server) -> Path:
    return server.folder / "data" / "darkroom.db"


def let_no_file_grow(server: Server) -> None:
    """No file of the server may become larger than the database's log is now."""
    log = database(server).with_name("darkroom.db-wal").stat().st_size
    _, most = resource.prlimit(server.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (log, most))


def let_files_grow(server: Server) -> None:
    _, most = resource.prlimit(server.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (most, most))


def fill_the_disk(server: Server) -> None:
    """Write until there is no byte left."""
    with (server.folder / "filler").open("wb", buffering=0) as filler:
        try:
            while filler.write(bytes(65_536)):
                pass
        except OSError:
            pass


def make_room(server: Server) -> None:
    (server.folder / "filler").unlink()


@contextmanager
def small_disk(folder: Path) -> Generator[Path]:
    """A file system of a few megabytes, where this account may mount one."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", SMALL_DISK, "none", str(folder)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"nothing can be mounted here: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        unmount = ["umount", "-l", str(folder)]
        subprocess.run(unmount, check=True)


def refused_for_a_while(server: Server, fill: Fill, make_room: Fill) -> None:
    """Something runs while the disk fills; clients are refused, and served again afterwards."""
    history = History()
    client = Client(server.url, history, work_ms=0)
    with client.http:
        before = [client.create(f"before-{number}") for number in range(5)]
        running = server.create("darkroom/echo-text", WORDS)
        while server.get(running["id"])["status"] == "starting":
            pass
        fill(server)
        refused = [client.create(f"full-{number}", webhook=True) for number in range(5)]
        answer = server.client.post(
            "/v1/predictions", json={"version": "darkroom/echo-text", "input": WORDS}
        )
        looked = [client.get(one.name, str(one.id)) for one in before]
        make_room(server)
        ended = server.ended(running)
        after = [client.create(f"after-{number}", headers={"Prefer": "wait=30"}) for number in "12"]

    assert {one.verdict for one in refused} == {Verdict.REFUSED}
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert {one.verdict for one in (*before, *looked, *after)} == {Verdict.OK}
    assert (ended["status"], ended["logs"]) == ("succeeded", "")
    rows = read_sqlite(database(server))
    assert unended(rows) == []
    told = contradictions(history.calls, rows)
    assert told == ["runs was never asked for"]  # by a client that keeps a history


@pytest.mark.fault(20)
def test_a_database_that_may_not_grow_refuses_and_goes_on_afterwards(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        refused_for_a_while(server, let_no_file_grow, let_files_grow)


@pytest.mark.fault(20)
def test_a_full_disk_refuses_and_goes_on_afterwards(tmp_path: Path) -> None:
    with (
        small_disk(tmp_path / "small") as folder,
        Server(folder, min_free_bytes="0") as server,
    ):
        refused_for_a_while(server, fill_the_disk, make_room)


@pytest.mark.fault(20)
@pytest.mark.slow
def test_what_was_accepted_before_the_disk_filled_survives_a_kill(tmp_path: Path) -> None:
    with small_disk(tmp_path / "small") as folder, Server(folder, min_free_bytes="0") as server:
        server.create("darkroom/echo-text", WORDS)
        fill_the_disk(server)
        server.kill()
        make_room(server)
        server.start()
        (shown,) = server.client.get("/v1/predictions").json()["results"]

        assert server.ended(shown)["status"] == "succeeded"
