"""A run that is not wanted any more ends, wherever it is, and takes nobody innocent with it."""

import asyncio
from pathlib import Path

import pytest
from tests.worker.scripted import Heard, Server, children, rig, spec

IGNORES = spec("tests.zoo.ignores_cancel:Runner")
BLOCKS = spec("tests.zoo.blocks_the_loop:Runner")
HANGS = spec("tests.zoo.hangs_in_setup:Runner")
LONG = {"ms": 3_600_000}


async def started(heard: Heard) -> Heard:
    while not any(told.started for told in heard.messages):
        assert not heard.ended.is_set(), heard.messages
        heard.changed.clear()
        await heard.changed.wait()
    return heard


async def stopped(server: Server, heard: Heard, name: str = "p1") -> Heard:
    server.stop(name)
    await heard.ended.wait()
    return heard


async def test_a_pretending_run_wakes_up_to_stop(tmp_path: Path) -> None:
    async with rig(tmp_path) as here:
        heard = await started(here.server.job(spec(), LONG))
        await stopped(here.server, heard)
        assert (heard.end.outcome, heard.end.error) == ("canceled", None)
        assert heard.end.run_seconds > 0


async def test_a_run_that_waits_for_its_model_is_canceled_at_once(tmp_path: Path) -> None:
    async with rig(tmp_path) as here:
        heard = here.server.job(HANGS, {})
        await heard.changed.wait()
        assert heard.logs == "setting up for ever\n"
        await stopped(here.server, heard)
        assert heard.end.outcome == "canceled"
        assert not any(told.started for told in heard.messages)


async def test_a_run_whose_input_is_being_fetched_is_canceled_at_once(tmp_path: Path) -> None:
    async with rig(tmp_path) as here:
        await here.server.run(spec("echo-text"), {"prompt": "makes sure that p2 is received"})
        here.pictures.never = asyncio.Event()
        heard = here.server.job(spec(), {"image": "https://slow.example/"}, name="p2")
        await stopped(here.server, heard, "p2")
        assert heard.end.outcome == "canceled"


async def test_stopping_what_is_not_there_changes_nothing(tmp_path: Path) -> None:
    async with rig(tmp_path) as here:
        here.server.stop("nobody")
        first = await here.server.run(spec("echo-text"), {"prompt": "a"})
        here.server.stop("p1")
        second = await here.server.run(spec("echo-text"), {"prompt": "a"})
        assert [first.end.outcome, second.end.outcome] == ["succeeded", "succeeded"]


@pytest.mark.fault(18)
async def test_a_run_that_ignores_it_is_killed_and_its_neighbours_are_released(
    tmp_path: Path,
) -> None:
    async with rig(tmp_path, cancel_grace=0.05) as here:
        deaf = await started(here.server.job(IGNORES, {}, name="deaf"))
        other = await started(here.server.job(IGNORES, {"prompt": "behave"}, name="other"))
        await stopped(here.server, deaf, "deaf")
        await other.ended.wait()
        assert (deaf.end.outcome, deaf.end.error) == ("canceled", None)
        assert other.end.outcome == "released"
        assert other.end.error == (
            "Another run in the same process would not stop, so the process was ended."
        )
        again = await started(here.server.job(IGNORES, {"prompt": "behave"}, name="again"))
        await stopped(here.server, again, "again")
        assert again.end.outcome == "canceled"


@pytest.mark.fault(18)
async def test_a_host_whose_loop_is_blocked_is_killed_too(tmp_path: Path) -> None:
    async with rig(tmp_path, cancel_grace=0.05) as here:
        heard = await started(here.server.job(BLOCKS, {}))
        await stopped(here.server, heard)
        assert heard.end.outcome == "canceled"


async def test_a_run_longer_than_the_limit_fails_by_name_of_the_limit(tmp_path: Path) -> None:
    async with rig(tmp_path, run_limit=0.3) as here:
        first = here.server.job(spec(), LONG, name="first")
        second = here.server.job(spec(), LONG, name="second")
        for heard in (first, second):
            await heard.ended.wait()
            assert heard.end.outcome == "failed"
            assert heard.end.error == (
                "The run took longer than 0.3 seconds, the limit of this server."
            )
        third = await here.server.run(spec(), LONG)
        assert third.end.outcome == "failed"


async def test_a_run_that_ignores_the_limit_is_killed_and_fails(tmp_path: Path) -> None:
    async with rig(tmp_path, run_limit=0.3, cancel_grace=0.05) as here:
        heard = await here.server.run(IGNORES, {})
        assert heard.end.outcome == "failed"
        assert "the limit of this server" in (heard.end.error or "")


async def test_a_model_that_is_never_ready_fails_by_name_of_the_limit(tmp_path: Path) -> None:
    async with rig(tmp_path, setup_limit=0.5) as here:
        heard = await here.server.run(HANGS, {})
        assert heard.end.outcome == "failed"
        assert heard.end.error == (
            "Loading the model took longer than 0.5 seconds, the limit of this server."
        )


async def test_no_host_is_left_when_the_server_is_gone(tmp_path: Path) -> None:
    before = children()
    async with rig(tmp_path) as here:
        await started(here.server.job(IGNORES, {}))
        assert len(children() - before) == 1
        here.server.hang_up()
        assert await here.running is False
        assert children() == before
