"""A model's process that stands still is noticed, and only then."""

import os
import signal
import time
from pathlib import Path

import pytest
from tests.worker.scripted import children, rig, spec
from tests.worker.test_stops import BLOCKS, LONG, started

SILENCE_SECONDS = 2.2


@pytest.mark.fault(9)
async def test_a_host_that_stands_still_is_killed_and_its_runs_crash(tmp_path: Path) -> None:
    before = children()
    async with rig(tmp_path, host_silence=SILENCE_SECONDS) as here:
        heard = await started(here.server.job(spec(), LONG))
        [host] = children() - before
        os.kill(host, signal.SIGSTOP)
        began = time.monotonic()
        await heard.ended.wait()

        assert time.monotonic() - began > SILENCE_SECONDS - 1.5
        assert heard.end.outcome == "crashed"
        assert heard.end.error == (
            "The model's process ended unexpectedly"
            " (it gave no sign of life for 2.2 seconds and was killed)."
        )
        again = await here.server.run(spec(), {"image": "data:,GIF89a"})
        assert again.end.outcome == "succeeded"


@pytest.mark.fault(9)
async def test_a_host_whose_loop_is_blocked_counts_as_still(tmp_path: Path) -> None:
    async with rig(tmp_path, host_silence=SILENCE_SECONDS) as here:
        heard = await here.server.run(BLOCKS, {})
        assert heard.end.outcome == "crashed"
        assert "no sign of life" in (heard.end.error or "")


async def test_a_still_host_whose_run_was_to_stop_is_canceled(tmp_path: Path) -> None:
    before = children()
    async with rig(tmp_path, host_silence=SILENCE_SECONDS) as here:
        heard = await started(here.server.job(spec(), LONG))
        [host] = children() - before
        os.kill(host, signal.SIGSTOP)
        here.server.stop()
        await heard.ended.wait()
        assert heard.end.outcome == "canceled"


@pytest.mark.fault(9)
async def test_a_worker_that_stood_still_itself_kills_no_host(tmp_path: Path) -> None:
    async with rig(tmp_path, host_silence=SILENCE_SECONDS) as here:
        heard = await started(here.server.job(spec(), {"ms": 4000, "image": "data:,GIF89a"}))
        time.sleep(SILENCE_SECONDS + 0.3)  # noqa: ASYNC251  # the worker lives in this loop
        await heard.ended.wait()
        assert heard.end.outcome == "succeeded"
