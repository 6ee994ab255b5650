"""The server is killed at the worst moments: just before and just after a commit."""

import os
from pathlib import Path
from typing import cast

import httpx2
import pytest
from tests.faults.mortal import DOOMED
from tests.support.processes import Server

ROOT = Path(__file__).parents[2]
INPUT = {"prompt": DOOMED, "image": "data:image/png;base64,iVBORw0KGgo="}
BODY = {"version": "darkroom/echo", "input": INPUT}
NAMED = {"Idempotency-Key": "k"}


def mortal(folder: Path, moment: str) -> Server:
    """A server that is killed *before* or *after* the commit of what is doomed."""
    server = Server(folder)
    server.module = "tests.faults.mortal"
    path = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    server.environment |= {"MORTAL": moment, "PYTHONPATH": os.pathsep.join(filter(None, path))}
    return server


def die(server: Server, headers: dict[str, str]) -> None:
    """Create what is doomed, and start an ordinary server in the place of the dead one."""
    with pytest.raises(httpx2.TransportError):
        server.client.post("/v1/predictions", json=BODY, headers=headers)
    server.kill()
    server.module = "darkroom"
    server.start()


def listed(server: Server) -> list[dict[str, object]]:
    shown = server.client.get("/v1/predictions").json()["results"]
    return cast("list[dict[str, object]]", shown)


@pytest.mark.fault(1)
def test_what_was_committed_before_a_kill_runs_and_is_found_by_its_key(tmp_path: Path) -> None:
    with mortal(tmp_path, "after") as server:
        die(server, NAMED)
        again = server.create("darkroom/echo", INPUT, **NAMED, Prefer="wait=30")
        there = listed(server)

    assert [one["id"] for one in there] == [again["id"]]
    assert again["status"] == "succeeded"


@pytest.mark.fault(1)
def test_without_a_key_the_same_request_finds_it_once(tmp_path: Path) -> None:
    with mortal(tmp_path, "after") as server:
        die(server, {})
        ended = server.ended(listed(server)[0])
        adopted, other = (server.create("darkroom/echo", INPUT) for _ in range(2))

    assert ended["status"] == "succeeded"
    assert adopted["id"] == ended["id"]
    assert other["id"] != ended["id"]


@pytest.mark.fault(2)
@pytest.mark.parametrize("headers", [NAMED, {"Prefer": "wait=30"}], ids=["named", "waiting"])
def test_what_was_not_committed_before_a_kill_is_not_there(
    tmp_path: Path, headers: dict[str, str]
) -> None:
    with mortal(tmp_path, "before") as server:
        die(server, headers)
        there = listed(server)
        made = server.create("darkroom/echo", INPUT, **NAMED, Prefer="wait=30")

    assert there == []
    assert made["status"] == "succeeded"
    assert "attempt" not in str(made["logs"]).lower()
