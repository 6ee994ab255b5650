"""A server hears at once which versions take runs: without waiting for the next beat in turn."""

from collections.abc import Sequence
from pathlib import Path

from tests.worker.scripted import Rig, rig
from tests.worker.test_residency import LONG, said, weighing
from tests.worker.test_stops import started

NEVER = 3600.0  # between two beats in turn


async def told(here: Rig, *loaded: int, closed: Sequence[int] = ()) -> None:
    """Wait until a beat tells that these are loaded, and which of them take no runs."""
    ids = [{weighing(number).id for number in numbers} for numbers in (loaded, closed)]
    while not here.server.beats or [
        set(here.server.beats[-1].resident), set(here.server.beats[-1].closed)
    ] != ids:  # fmt: skip
        here.server.beat.clear()
        await here.server.beat.wait()


async def test_what_is_loaded_and_what_went_for_it_is_told_at_once(tmp_path: Path) -> None:
    async with rig(tmp_path, beat_seconds=NEVER, resident_models=1) as here:
        await here.server.run(weighing(1), {})
        await told(here, 1)
        await here.server.run(weighing(2), {})
        await told(here, 2)
        loaded = [set(beat.resident) for beat in here.server.beats]
        assert loaded == [set(), {weighing(1).id}, set(), {weighing(2).id}]


async def test_what_makes_way_is_told_at_once_and_when_it_need_not_any_more(tmp_path: Path) -> None:
    async with rig(tmp_path, beat_seconds=NEVER, resident_models=1, load_patience=0) as here:
        await started(here.server.job(weighing(1), LONG, name="busy"))
        await told(here, 1)
        await said(here.server.job(weighing(2), {}, name="waiting"), "waiting for room")
        await told(here, 1, closed=[1])
        here.server.stop("waiting")
        await told(here, 1)


async def test_runs_that_change_nothing_are_told_by_no_beat(tmp_path: Path) -> None:
    async with rig(tmp_path, beat_seconds=NEVER, resident_models=1) as here:
        for _ in range(3):
            await here.server.run(weighing(1), {})
        assert len(here.server.beats) == 2
