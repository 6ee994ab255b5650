"""Versions are loaded when needed, shared by all who wait, and leave by least recent use."""

from pathlib import Path

from tests.worker.scripted import Rig, rig, spec
from tests.worker.test_stops import started

from darkroom.domain.errors import WeightsUnavailable
from darkroom.protocol.messages import VersionSpec

SHOWS = "tests.zoo.shows_inputs:Runner"


def heavy(number: int, kind: str = SHOWS) -> VersionSpec:
    return spec(kind, id=f"{number:064d}", config={"weights": "hf://some/where"})


async def resident(here: Rig) -> set[int]:
    here.server.beat.clear()
    await here.server.beat.wait()
    return {int(version) for version in here.server.beats[-1].resident}


async def test_a_setup_that_fails_fails_everyone_who_waits_with_its_log(tmp_path: Path) -> None:
    async with rig(tmp_path) as here:
        version = spec("tests.zoo.raises_in_setup:Runner")
        runs = [here.server.job(version, {}, name=f"p{number}") for number in range(3)]
        for heard in runs:
            await heard.ended.wait()
            assert (heard.end.outcome, heard.end.error) == ("failed", "KeyError: 'unet'")
            assert heard.logs == "looking for the weights\n"


async def test_a_setup_that_fails_in_words_for_the_user_is_told_as_it_is(tmp_path: Path) -> None:
    async with rig(tmp_path) as here:
        version = spec("tests.zoo.raises_in_setup:Runner", config={"friendly": "yes"})
        heard = await here.server.run(version, {})
        assert heard.end.error == "the folder is empty; put weights into it"


async def test_an_unknown_kind_fails_with_what_there_is(tmp_path: Path) -> None:
    async with rig(tmp_path) as here:
        heard = await here.server.run(spec("crystal-ball"), {})
        assert heard.end.outcome == "failed"
        assert (heard.end.error or "").startswith("there is no runner of kind 'crystal-ball'")


async def test_weights_are_provided_before_setup_and_their_log_is_shown(tmp_path: Path) -> None:
    async with rig(tmp_path) as here:
        heard = await here.server.run(heavy(1), {})
        assert heard.logs == "weights: looking\n"
        assert '\\"weights\\": \\"folder\\"' in (heard.gave[0].value or "")


async def test_weights_that_cannot_be_had_fail_the_run_and_may_be_had_later(
    tmp_path: Path,
) -> None:
    async with rig(tmp_path) as here:
        here.weights.error = WeightsUnavailable("no network; set DARKROOM_WEIGHTS=tiny")
        first = await here.server.run(heavy(1), {})
        assert (first.end.outcome, first.end.error) == (
            "failed",
            "no network; set DARKROOM_WEIGHTS=tiny",
        )
        here.weights.error = None
        second = await here.server.run(heavy(1), {})
        assert second.end.outcome == "succeeded"


async def test_the_least_recently_used_version_is_unloaded(tmp_path: Path) -> None:
    async with rig(tmp_path, beat_seconds=0.01, resident_models=2) as here:
        for number in (1, 2, 1, 3):
            await here.server.run(heavy(number), {})
        assert await resident(here) == {1, 3}


async def test_a_version_in_use_is_not_unloaded_and_the_next_one_waits_for_it(
    tmp_path: Path,
) -> None:
    async with rig(tmp_path, beat_seconds=0.01, resident_models=1) as here:
        busy = await started(here.server.job(heavy(1, "echo"), {"ms": 3_600_000}, name="busy"))
        waiting = here.server.job(heavy(2), {}, name="waiting")
        await waiting.changed.wait()  # its weights have been looked at
        assert await resident(here) == {1}
        here.server.stop("busy")
        await busy.ended.wait()
        await waiting.ended.wait()
        assert waiting.end.outcome == "succeeded"
        assert await resident(here) == {2}


async def test_versions_without_weights_take_no_room(tmp_path: Path) -> None:
    async with rig(tmp_path, beat_seconds=0.01, resident_models=1) as here:
        await here.server.run(heavy(1), {})
        await here.server.run(spec(SHOWS, id="2".zfill(64)), {})
        assert await resident(here) == {1, 2}


async def test_a_worker_tells_how_long_what_is_loaded_took_to_load(tmp_path: Path) -> None:
    async with rig(tmp_path, beat_seconds=0.05) as here:
        await here.server.run(heavy(1), {})
        loaded = await resident(here)
        loads = here.server.beats[-1].loads

    assert loaded == {int(version) for version in loads} == {1}
    assert all(0.001 < seconds < 60 for seconds in loads.values())
