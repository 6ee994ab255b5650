"""A server whose database or disk is in trouble says so where a proxy asks, and once in its log."""

import time
from pathlib import Path

from tests.store.places import Loop, postgres_place
from tests.support.ports import free_port
from tests.support.postgres import cluster
from tests.support.processes import Server


def turned(server: Server, status: int, seconds: float = 20.0) -> str:
    """What `/readyz` tells once it answers with *status*."""
    deadline = time.monotonic() + seconds
    while True:
        answer = server.client.get("/readyz")
        if answer.status_code == status:
            return answer.text
        assert time.monotonic() < deadline, answer.text


def test_a_server_without_its_database_is_not_ready_and_tells_its_log_once(tmp_path: Path) -> None:
    with cluster() as postgres:
        assert postgres is not None
        settings = {"database_url": postgres.url, "workers": "0"}
        with Server(tmp_path, port=str(free_port()), **settings) as server:
            before = turned(server, 200)
            postgres.kill()
            away = turned(server, 503)
            postgres.start()
            after = turned(server, 200)
    log = (tmp_path / "server.log").read_text()

    assert before == after
    assert "The database takes no writes now" in away
    assert "Traceback" not in log
    assert log.count("database.away") == 1


def test_a_server_whose_disk_is_nearly_full_is_not_ready(tmp_path: Path) -> None:
    with Server(tmp_path, workers="0", min_free_bytes=str(2**60)) as server:
        assert "nearly full" in turned(server, 503)


def test_servers_that_do_not_share_their_files_are_told(tmp_path: Path, postgres_url: str) -> None:
    folders = tmp_path / "one", tmp_path / "two"
    for folder in folders:
        folder.mkdir()
    log = folders[0] / "server.log"
    loop = Loop()
    with postgres_place(loop, postgres_url) as place:
        settings = {"database_url": place.url, "workers": "0"}
        with Server(folders[0], **settings), Server(folders[1], **settings):
            deadline = time.monotonic() + 20
            while "files.not_shared" not in log.read_text():
                assert time.monotonic() < deadline
    loop.close()

    assert log.read_text().count("files.not_shared") == 1
