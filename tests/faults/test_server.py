"""The server is killed at the worst moments: just before and just after a commit."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import cast

import httpx2
import pytest
from tests.support.processes import Server

ROOT = Path(__file__).parents[2]
PICTURE = "data:image/png;base64,iVBORw0KGgo="


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One that can be told when to die."""
    made = Server(tmp_path_factory.mktemp("mortal"))
    made.module = "tests.faults.mortal"
    path = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    made.environment |= {
        "MORTAL": str(made.folder / "doom"),
        "PYTHONPATH": os.pathsep.join(filter(None, path)),
    }
    with made as running:
        yield running


def die(server: Server, moment: str, word: str, headers: Mapping[str, str]) -> dict[str, object]:
    """Create what kills the server *before* or *after* its commit; start it again.

    Returns:
        The input: one that has *word* in it.
    """
    given: dict[str, object] = {"prompt": word, "image": PICTURE}
    doom = server.folder / "doom.new"
    doom.write_text(f"{moment} {word}", "utf-8")
    doom.rename(server.folder / "doom")
    with pytest.raises(httpx2.TransportError):
        server.client.post(
            "/v1/predictions",
            json={"version": "darkroom/echo", "input": given},
            headers=dict(headers),
        )
    server.kill()
    server.start()
    return given


def named(server: Server, word: str) -> list[dict[str, object]]:
    """Predictions with *word* in their input."""
    shown = cast("list[dict[str, object]]", server.client.get("/v1/predictions").json()["results"])
    return [one for one in shown if word in str(server.get(one["id"])["input"])]


@pytest.mark.fault(1)
def test_what_was_committed_before_a_kill_runs_and_is_found_by_its_key(server: Server) -> None:
    key = {"Idempotency-Key": "first"}
    given = die(server, "after", "alpha", key)
    again = server.create("darkroom/echo", given, **key, Prefer="wait=30")
    there = named(server, "alpha")

    assert [one["id"] for one in there] == [again["id"]]
    assert again["status"] == "succeeded"


@pytest.mark.fault(1)
def test_without_a_key_the_same_request_finds_it_once(server: Server) -> None:
    given = die(server, "after", "beta", {})
    (there,) = named(server, "beta")
    ended = server.ended(there)
    adopted, other = (server.create("darkroom/echo", given) for _ in range(2))

    assert ended["status"] == "succeeded"
    assert adopted["id"] == ended["id"]
    assert other["id"] != ended["id"]


@pytest.mark.fault(2)
@pytest.mark.parametrize(
    ("word", "headers"),
    [("gamma", {"Idempotency-Key": "second"}), ("delta", {"Prefer": "wait=30"})],
)
def test_what_was_not_committed_before_a_kill_is_not_there(
    server: Server, word: str, headers: dict[str, str]
) -> None:
    given = die(server, "before", word, headers)
    there = named(server, word)
    made = server.create("darkroom/echo", given, **{**headers, "Prefer": "wait=30"})

    assert there == []
    assert made["status"] == "succeeded"
    assert "attempt" not in str(made["logs"]).lower()
