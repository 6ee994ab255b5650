"""Several versions in one host: by memory, in turn, and never at the cost of what runs."""

from pathlib import Path

import pytest
from tests.worker.elsewhere import Far, far
from tests.worker.scripted import Heard, Rig, rig, spec
from tests.worker.test_loading import resident
from tests.worker.test_stops import started

from darkroom.domain.errors import WeightsUnavailable
from darkroom.protocol.messages import Beat, Keep, Key, VersionSpec
from darkroom.worker.resident import size_on_disk

KIND = "tests.zoo.weighs:Runner"
GB = 10**9
LONG = {"ms": 3_600_000}
BEAT = 0.01


def weighing(number: int, size: int = 8, budget: int = 20, **config: str) -> VersionSpec:
    """A version that takes *size* GB of *budget*; its model is called by its number."""
    told = {"weights": "hf://some/where", "bytes": str(size * GB), "budget": str(budget * GB)}
    return spec(KIND, id=f"{number:064d}", model=f"acme/m{number}", config=told | config)


async def until(here: Rig, *loaded: int) -> None:
    while await resident(here) != set(loaded):
        pass


async def said(heard: Heard, words: str) -> None:
    while words not in heard.logs:
        assert not heard.ended.is_set(), heard.messages
        heard.changed.clear()
        await heard.changed.wait()


async def test_as_many_are_loaded_as_the_budget_holds_and_the_log_tells_who_went(
    tmp_path: Path,
) -> None:
    async with rig(tmp_path, beat_seconds=BEAT, resident_models=0) as here:
        for number in (1, 2, 3):
            await here.server.run(weighing(number), {})
        assert await resident(here) == {2, 3}
        heard = await here.server.run(weighing(1), {})
        assert "making room: unloading acme/m2 (8.0 GB of 20.0 GB)\n" in heard.logs
        assert await resident(here) == {1, 3}


async def test_what_turns_out_larger_than_its_files_pushes_the_idle_out(tmp_path: Path) -> None:
    async with rig(tmp_path, beat_seconds=BEAT, resident_models=0) as here:
        await here.server.run(weighing(1, 12), {})
        await here.server.run(weighing(2, 12), {})  # its size is not known before
        assert await resident(here) == {2}


async def test_files_are_a_guess_of_what_a_version_takes(tmp_path: Path) -> None:
    folder = tmp_path / "weights"
    folder.mkdir()
    with (folder / "unet.safetensors").open("wb") as file:
        file.truncate(13 * GB)  # a hole
    async with rig(tmp_path, beat_seconds=BEAT, resident_models=0) as here:
        await here.server.run(weighing(1), {})
        heard = await here.server.run(weighing(2, adapter=str(folder)), {})
        assert "unloading acme/m1" in heard.logs
        again = await here.server.run(weighing(1), {})
        assert "unloading" not in again.logs  # by now it is known to take 8


async def test_who_waits_for_room_is_told_for_whom(tmp_path: Path) -> None:
    async with rig(tmp_path, resident_models=1) as here:
        await started(here.server.job(weighing(1), LONG, name="busy"))
        waiting = here.server.job(weighing(2), {}, name="waiting")
        await said(waiting, "waiting for room: acme/m1 runs\n")
        other = here.server.job(weighing(2), {}, name="other")
        await said(other, "waiting for room: acme/m1 runs\n")
        here.server.stop("busy")
        await waiting.ended.wait()
        assert waiting.logs.endswith("making room: unloading acme/m1 (8.0 GB of 20.0 GB)\n")
        assert waiting.end.outcome == "succeeded"


async def test_a_version_that_has_waited_gets_its_turn_before_new_runs_of_the_other(
    tmp_path: Path,
) -> None:
    async with rig(tmp_path, resident_models=1, load_patience=0) as here:
        await started(here.server.job(weighing(1), LONG, name="busy"))
        waiting = here.server.job(weighing(2), LONG, name="waiting")
        await said(waiting, "waiting for room")
        late = here.server.job(weighing(1), {}, name="late")
        await said(late, "waiting: acme/m1 makes way for a model that has waited for room\n")
        here.server.stop("busy")
        await started(waiting)
        assert not any(told.started for told in late.messages)
        here.server.stop("waiting")
        await late.ended.wait()
        assert late.end.outcome == "succeeded"


async def test_until_it_has_waited_for_long_the_other_goes_on(tmp_path: Path) -> None:
    async with rig(tmp_path, resident_models=1, load_patience=3600) as here:
        await started(here.server.job(weighing(1), LONG, name="busy"))
        waiting = here.server.job(weighing(2), {}, name="waiting")
        await said(waiting, "waiting for room")
        late = here.server.job(weighing(1), {}, name="late")
        await late.ended.wait()
        assert not waiting.ended.is_set()


async def test_runs_that_made_way_go_on_when_nobody_waits_any_more(tmp_path: Path) -> None:
    async with rig(tmp_path, resident_models=1, load_patience=0) as here:
        busy = await started(here.server.job(weighing(1), LONG, name="busy"))
        waiting = here.server.job(weighing(2), {}, name="waiting")
        await said(waiting, "waiting for room")
        late = here.server.job(weighing(1), {}, name="late")
        await said(late, "makes way")
        here.server.stop("waiting")
        await late.ended.wait()
        assert late.end.outcome == "succeeded"
        assert not busy.ended.is_set()


@pytest.mark.parametrize("beside", [
    "dies",
    "CUDA out of memory. Tried to allocate 20.00 GiB",
    "DefaultCPUAllocator: can't allocate memory: you tried to allocate 20000000000 bytes.",
])  # fmt: skip
async def test_memory_that_runs_out_beside_others_is_had_alone(beside: str, tmp_path: Path) -> None:
    async with rig(tmp_path, beat_seconds=BEAT, resident_models=0) as here:
        await here.server.run(weighing(1, 1), {})
        large = weighing(2, 1, beside=beside)
        heard = await here.server.run(large, {})
        assert heard.end.outcome == "succeeded", heard.end
        assert "out of memory beside acme/m1: it is loaded alone\n" in heard.logs
        assert await resident(here) == {2}
        await here.server.run(weighing(1, 1), {})
        assert await resident(here) == {1}


@pytest.mark.slow
async def test_who_runs_beside_a_load_that_takes_too_long_is_released_and_told_why(
    tmp_path: Path,
) -> None:
    limit = "took longer than 2 seconds, the limit of this server"
    async with rig(tmp_path, beat_seconds=BEAT, resident_models=0, setup_limit=2) as here:
        other = await started(here.server.job(weighing(1, 1), LONG, name="other"))
        here.server.send(Keep(weighing(2, 1, beside="hangs"), pinned=False))
        await other.ended.wait()
        assert (other.end.outcome, other.end.error) == (
            "released",
            f"Loading another model in the same process {limit}, so the process was ended.",
        )
        while not (await resident(here), here.server.beats[-1].troubles)[1]:
            pass
        assert list(here.server.beats[-1].troubles.values()) == [f"Loading the model {limit}."]


async def test_a_version_is_loaded_without_a_run_and_a_pinned_one_stays(tmp_path: Path) -> None:
    async with rig(tmp_path, beat_seconds=BEAT, resident_models=2) as here:
        here.server.send(Keep(weighing(1), pinned=True))
        here.server.send(Keep(weighing(2), pinned=False))
        await until(here, 1, 2)
        await here.server.run(weighing(3), {})
        assert await resident(here) == {1, 3}
        here.server.send(Keep(weighing(1), pinned=False, load=False))
        await here.server.run(weighing(4), {})
        assert await resident(here) == {3, 4}


async def test_what_has_no_room_beside_the_pinned_is_told_so(tmp_path: Path) -> None:
    async with rig(tmp_path, beat_seconds=BEAT, resident_models=1) as here:
        here.server.send(Keep(weighing(1), pinned=True))
        await until(here, 1)
        heard = await here.server.run(weighing(2), {})
        assert heard.end.outcome == "failed"
        assert heard.end.error == (
            "acme/m2 cannot be loaded beside what is pinned, acme/m1 (no more than 1 may be "
            "loaded); unpin a model with `darkroom models unpin`, or remove its `pin` from "
            "darkroom.yaml"
        )


async def test_a_pinned_version_comes_back_after_its_host_has_died(tmp_path: Path) -> None:
    async with rig(tmp_path, beat_seconds=BEAT) as here:
        here.server.send(Keep(weighing(1), pinned=True))
        await until(here, 1)
        heard = await here.server.run(weighing(2), {"prompt": "exit"})
        assert heard.end.outcome == "crashed"
        await until(here, 1)


async def test_a_beat_tells_why_a_version_could_not_be_loaded(tmp_path: Path) -> None:
    async with rig(tmp_path, beat_seconds=BEAT) as here:
        here.weights.error = WeightsUnavailable("no network; set DARKROOM_WEIGHTS=tiny")
        here.server.send(Keep(weighing(1), pinned=False))
        while not (await resident(here), here.server.beats[-1].troubles)[1]:
            pass
        assert list(here.server.beats[-1].troubles.values()) == [str(here.weights.error)]
        here.weights.error = None
        here.server.send(Keep(weighing(1), pinned=False))
        await until(here, 1)
        assert not here.server.beats[-1].troubles


async def once_loaded(here: Far, *loaded: int) -> None:
    def told() -> set[int]:
        beats = here.line.all(Beat)
        return {int(one) for one in beats[-1].resident} if beats else set()

    await here.until(lambda: told() == set(loaded))


async def test_a_pin_ends_with_the_line_it_came_by(tmp_path: Path) -> None:
    async with far(tmp_path) as here:  # which has room for two
        for number in (1, 2):
            here.line.received(Keep(weighing(number), pinned=True))
        await once_loaded(here, 1, 2)
        here.break_line()
        await here.welcome()
        here.line.received(Keep(weighing(2), pinned=True))
        keys: list[Key] = []
        for number in (3, 4):
            keys.append(here.job("{}", name=f"p{number}", version=weighing(number)))
            await here.end_of(keys[-1])
            await once_loaded(here, 2, number)


def test_a_text_that_is_no_place_has_no_size() -> None:
    assert size_on_disk(weighing(1, loras='[{"weights": "/' + 300 * "x" + '"}]')) == 0
