"""`darkroom placer` and `darkroom pools` as an operator types them; no cluster is there."""

import json
import signal

import pytest
from tests.cli.conftest import Server, Shell

NOBODY = "127.0.0.1:1"


def admin_key(darkroom: Shell) -> str:
    made = darkroom("keys", "create", "--owner", "admin", "--admin", "--json")
    return str(json.loads(made.stdout)["key"])


def test_the_pools_are_listed(darkroom: Shell) -> None:
    assert darkroom("pools", "list").stdout.split()[:2] == ["POOL", "WAITING"]
    assert "results" in json.loads(darkroom("pools", "list", "--json").stdout)


def test_a_pool_that_a_token_names_is_listed_before_it_has_workers(darkroom: Shell) -> None:
    darkroom("keys", "create", "--worker", "--pool", "large")
    assert "large" in darkroom("pools", "list").stdout.split()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_placer_waits_for_its_cluster_until_it_is_told_to_end(
    darkroom: Shell, server: Server, number: signal.Signals
) -> None:
    words = ("--server", server.url, "--token", admin_key(darkroom), "--address", NOBODY)
    with darkroom.start("placer", *words) as process:
        assert process.stderr is not None
        assert "nobody answers at 127.0.0.1:1" in process.stderr.readline()
        process.send_signal(number)
        assert process.wait(30) == 0


def test_a_key_that_is_no_admin_key_ends_the_placer_with_4(darkroom: Shell, server: Server) -> None:
    made = darkroom("keys", "create", "--owner", "alice", "--json")
    key = str(json.loads(made.stdout)["key"])
    done = darkroom("placer", "--server", server.url, "--token", key, "--address", NOBODY)
    assert done.returncode == 4
    assert "use an admin key; set DARKROOM_TOKEN" in done.stderr


def test_a_placer_needs_a_server(darkroom: Shell) -> None:
    alone = darkroom("placer", "--address", NOBODY, DARKROOM_URL="", DARKROOM_TOKEN="")
    assert alone.returncode == 2
    assert "--server and --token are needed" in alone.stderr


@pytest.mark.parametrize("address", ["head", "auto", ":6379", "head:99999", "ray://head:10001"])
def test_what_is_no_address_of_a_head_is_refused(darkroom: Shell, address: str) -> None:
    done = darkroom("placer", "--stop", "--address", address)
    assert done.returncode == 2
    assert f"{address!r} is not host:port" in done.stderr


def test_stopping_says_when_there_is_no_cluster(darkroom: Shell) -> None:
    done = darkroom("placer", "--stop", "--address", NOBODY)
    assert done.returncode == 1
    assert "nobody answers" in done.stderr


def test_stopping_warns_of_a_placer_that_still_runs(darkroom: Shell) -> None:
    done = darkroom("placer", "--stop", "--address", NOBODY)
    assert "a placer that still runs places its workers again" in done.stderr
