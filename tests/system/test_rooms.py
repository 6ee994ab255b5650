"""Two models and room for one: the second waits while the first runs, and nobody is killed."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import cast

import pytest
from tests.support.pictures import data_url, png
from tests.support.processes import DEADLINE_SECONDS, KEY, Server, command_line

ENTRIES = """
models:
  acme/one: {runner: diffusers, family: stable-diffusion, description: One}
  acme/two: {runner: diffusers, family: stable-diffusion, description: Two}
  acme/parrot: {runner: echo-text, pin: true}
"""
PICTURE = data_url(png())
LONG = {"image": PICTURE, "num_inference_steps": 150, "prompt_strength": 1.0, "seed": 1}
HOST = "darkroom.runners.host"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("server")
    (folder / "darkroom.yaml").write_text(ENTRIES)
    with Server(folder, resident_models="1") as running:
        yield running


def loaded(server: Server) -> list[str]:
    """Models that a worker has loaded."""
    results = server.client.get("/api/loaded").json()["results"]
    return [one["model"] for one in cast("Sequence[Mapping[str, str]]", results) if one["loaded"]]


def until_loaded(server: Server, model: str) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while model not in loaded(server):
        assert time.monotonic() < deadline, f"{model} was not loaded"
        time.sleep(0.05)


def hosts(server: Server) -> set[int]:
    """Process ids of all hosts."""
    return {pid for pid in server.family() if HOST in command_line(pid)}


def darkroom(server: Server, *words: str) -> "subprocess.CompletedProcess[str]":
    environment = {name: value for name, value in os.environ.items() if "DARKROOM" not in name}
    return subprocess.run(
        [sys.executable, "-m", "darkroom", *words],
        env={**environment, "DARKROOM_URL": server.url, "DARKROOM_TOKEN": KEY},
        capture_output=True,
        text=True,
        check=False,
        timeout=DEADLINE_SECONDS,
    )


def test_what_the_file_pins_is_loaded_before_anybody_runs_it(server: Server) -> None:
    until_loaded(server, "acme/parrot")


def test_a_model_waits_for_the_run_of_another_and_ends_nothing(server: Server) -> None:
    first = server.create("acme/one", LONG)
    server.running(first)
    before = hosts(server)

    assert darkroom(server, "models", "warm", "acme/two", "--no-wait").returncode == 0
    second = server.create("acme/two", {**LONG, "num_inference_steps": 2})
    ends = [server.ended(one) for one in (first, second)]

    assert [one["status"] for one in ends] == ["succeeded", "succeeded"], ends
    assert str(ends[0]["completed_at"]) <= str(ends[1]["started_at"])
    assert hosts(server) == before
    until_loaded(server, "acme/two")
    assert "acme/one" not in loaded(server)


def test_however_many_orders_wait_for_room_what_is_loaded_runs_beside(server: Server) -> None:
    long = server.create("acme/one", LONG)
    server.running(long)
    waiting = [server.create("acme/two", {**LONG, "num_inference_steps": 2}) for _ in range(9)]
    short = server.create("acme/one", {**LONG, "num_inference_steps": 2})
    ends = [server.ended(one) for one in (short, long, *waiting)]

    assert {one["status"] for one in ends} == {"succeeded"}, ends
    assert str(ends[0]["completed_at"]) < str(ends[1]["completed_at"])


def test_the_command_line_waits_until_it_is_loaded_and_shows_it(server: Server) -> None:
    done = darkroom(server, "models", "warm", "acme/one")
    assert (done.returncode, done.stdout) == (0, "Loaded acme/one on local-1.\n"), done.stderr
    listed = json.loads(darkroom(server, "models", "list", "--json").stdout)
    standings = {one["name"]: one["standings"] for one in listed if one["owner"] == "acme"}
    assert [one["loaded"] for one in standings["one"]] == [["local-1"]]
    assert [one["pinned"] for one in standings["parrot"]] == ["file"]


def test_what_is_pinned_leaves_no_room_until_it_is_unpinned(server: Server) -> None:
    assert darkroom(server, "models", "pin", "acme/one").returncode == 0
    until_loaded(server, "acme/one")
    refused = darkroom(server, "models", "warm", "acme/two")
    assert refused.returncode == 1
    assert "local-1: acme/two cannot be loaded beside what is pinned, acme/one" in refused.stderr

    assert darkroom(server, "models", "unpin", "acme/one").returncode == 0
    assert darkroom(server, "models", "warm", "acme/two").returncode == 0
    stays = darkroom(server, "models", "unpin", "acme/parrot")
    assert stays.returncode == 2
    assert "pinned in darkroom.yaml" in stays.stderr
