"""A model process that dies is told at once, and the next run gets a new one."""

import os
import signal
import sys
from pathlib import Path

import pytest
from tests.worker.scripted import children, rig, spec
from tests.worker.test_stops import started

EXITS = spec("tests.zoo.exits_in_run:Runner")


@pytest.mark.fault(5)
async def test_a_killed_host_crashes_every_run_in_it(tmp_path: Path) -> None:
    before = children()
    async with rig(tmp_path) as here:
        runs = [here.server.job(spec(), {"ms": 3_600_000}, name=f"p{n}") for n in range(3)]
        for heard in runs:
            await started(heard)
        [host] = children() - before
        os.kill(host, signal.SIGKILL)
        for heard in runs:
            await heard.ended.wait()
            assert heard.end.outcome == "crashed"
            assert heard.end.error == (
                "The model's process ended unexpectedly"
                " (signal 9, SIGKILL; out of memory is the usual cause)."
            )
        again = await here.server.run(spec("echo"), {"image": "data:,GIF89a"})
        assert again.end.outcome == "succeeded"


async def test_a_model_that_ends_its_process_is_told_by_exit_code(tmp_path: Path) -> None:
    async with rig(tmp_path) as here:
        hard = await here.server.run(EXITS, {})
        soft = await here.server.run(EXITS, {"prompt": "politely"})
        assert hard.end.error == "The model's process ended unexpectedly (exit code 3)."
        assert soft.end.error == "The model's process ended unexpectedly (exit code 4)."
        assert [hard.end.outcome, soft.end.outcome] == ["crashed", "crashed"]


async def test_a_model_that_ends_its_process_in_setup_crashes_who_waits(tmp_path: Path) -> None:
    async with rig(tmp_path) as here:
        version = spec("tests.zoo.exits_in_setup:Runner")
        for _ in range(2):
            heard = await here.server.run(version, {})
            assert heard.end.outcome == "crashed"
            assert heard.end.error == "The model's process ended unexpectedly (exit code 5)."
            assert not heard.messages[0].started


async def test_a_process_that_cannot_be_started_ends_who_waits_for_it(tmp_path: Path) -> None:
    async with rig(tmp_path, host=[str(tmp_path / "no-such-program")]) as here:
        for _ in range(2):  # the second is a new try
            heard = await here.server.run(spec(), {})
            assert heard.end.outcome == "crashed"
            assert heard.end.error == "The model's process ended unexpectedly (exit code 127)."


async def test_a_host_that_speaks_nonsense_is_ended(tmp_path: Path) -> None:
    garbling = [sys.executable, "-m", "tests.zoo.garbles"]
    async with rig(tmp_path, host=garbling) as here:
        heard = await here.server.run(spec(), {})
        assert heard.end.outcome == "crashed"


async def test_what_the_model_raises_is_told_by_type_and_text(tmp_path: Path) -> None:
    async with rig(tmp_path) as here:
        version = spec("tests.zoo.raises_in_run:Runner")
        ends = [
            (await here.server.run(version, {"prompt": prompt})).end
            for prompt in ("own", "silent", "other")
        ]
        assert {end.outcome for end in ends} == {"failed"}
        assert [end.error for end in ends] == [
            "the prompt is too strange",
            "AssertionError",
            "ValueError: tensors disagree",
        ]
