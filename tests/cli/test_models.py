"""Models are loaded and kept from the command line."""

import asyncio
import json

from tests.cli.conftest import Shell
from tests.egress.loopback import Request, reply, serving


def test_a_model_is_loaded_on_every_worker_and_listed_there(darkroom: Shell) -> None:
    darkroom("run", "darkroom/echo-text", "-i", "prompt=by now a worker is here")
    done = darkroom("models", "warm", "darkroom/echo-text")
    assert (done.returncode, done.stdout) == (0, "Loaded darkroom/echo-text on local-1.\n")
    head, *rows = darkroom("models", "list").stdout.splitlines()
    assert head.split() == ["MODEL", "LOADED", "PINNED", "DESCRIPTION"]
    (row,) = (row for row in rows if row.startswith("darkroom/echo-text "))
    assert row.split()[1:3] == ["local-1", "-"]


def test_a_pin_is_shown_until_it_is_taken_back(darkroom: Shell) -> None:
    for verb, pinned in (("pin", "verb"), ("unpin", None)):
        assert darkroom("models", verb, "darkroom/echo").returncode == 0
        listed = json.loads(darkroom("models", "list", "--json").stdout)
        (echo,) = (one for one in listed if one["name"] == "echo")
        assert [one["pinned"] for one in echo["standings"]] == [pinned]


def test_who_is_no_administrator_sees_the_models_alone(darkroom: Shell) -> None:
    key = darkroom("keys", "create", "--owner", "carol").stdout.strip()
    listed = darkroom("models", "list", DARKROOM_TOKEN=key)
    assert listed.stdout.splitlines()[0].split() == ["MODEL", "DESCRIPTION"]
    refused = darkroom("models", "pin", "darkroom/echo", DARKROOM_TOKEN=key)
    assert refused.returncode == 4
    assert "administrators" in refused.stderr


def test_what_cannot_be_loaded_is_named(darkroom: Shell) -> None:
    unknown = darkroom("models", "warm", "acme/nothing")
    assert unknown.returncode == 1
    assert "there is no model 'acme/nothing' here; see `darkroom models list`" in unknown.stderr
    assert darkroom("models", "warm", "nothing").returncode == 2


async def test_a_server_that_was_never_asked_is_not_waited_for(darkroom: Shell) -> None:
    one = {"model": "acme/one", "version": "0" * 64, "pool": "default", "pinned": None}
    asked = json.dumps({**one, "workers": ["w1"], "loaded": [], "troubles": {}})

    async def answer(request: Request, writer: asyncio.StreamWriter) -> None:
        told = '{"results": []}' if request.target == "/api/loaded" else asked
        reply(writer, told.encode(), content_type="application/json")

    async with serving(answer) as balancer:
        done = await asyncio.to_thread(
            darkroom, "models", "warm", "acme/one", DARKROOM_URL=balancer.url("")
        )
    assert (done.returncode, done.stdout) == (0, "Asked w1 to load acme/one.\n"), done.stderr


async def test_a_pin_of_what_cannot_be_loaded_tells_why(darkroom: Shell) -> None:
    one = {"model": "acme/one", "version": "0" * 64, "pool": "default", "pinned": "verb"}
    standing = json.dumps({**one, "workers": ["w1"], "loaded": [], "troubles": {"w1": "torn"}})

    async def answer(_request: Request, writer: asyncio.StreamWriter) -> None:
        reply(writer, standing.encode(), content_type="application/json")

    async with serving(answer) as server:
        done = await asyncio.to_thread(
            darkroom, "models", "pin", "acme/one", DARKROOM_URL=server.url("")
        )
    assert (done.returncode, done.stdout) == (1, "Pinned acme/one.\n")
    assert "acme/one could not be loaded: w1: torn" in done.stderr
