"""Runs of one host at the same time: they share a batch, and nobody's picture changes."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image, ImageChops
from tests.runners.test_diffusers import Recorder
from tests.support.versions import make_spec

from darkroom.domain.families import Family
from darkroom.domain.model import JsonScalar
from darkroom.protocol.messages import Pixels
from darkroom.runners.diffusers import Diffusers
from darkroom.runners.diffusers.runner import DiffusersRunner

# The Euler schedules of diffusers hand a tensor to numpy in a way that numpy 2 will not take.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

SIDE = 64


@pytest.fixture
def shared() -> Iterator[Diffusers]:
    made = Diffusers({})
    yield made
    made.close()


@pytest.fixture
def photo(tmp_path: Path) -> Pixels:
    file = tmp_path / "photo.rgb"
    bands = [Image.radial_gradient("L").rotate(turn).resize((SIDE, SIDE)) for turn in (0, 30, 60)]
    file.write_bytes(Image.merge("RGB", bands).tobytes())
    return Pixels(str(file), SIDE, SIDE)


async def _loaded(shared: Diffusers, family: Family, folder: Path) -> DiffusersRunner:
    runner = shared.runner()
    config = {"family": str(family), "weights": "tiny", "tiny_folder": str(folder)}
    taken = await runner.setup(make_spec(config=config), lambda _: None)
    assert 0 < taken.weights_bytes < taken.budget_bytes
    return runner


async def test_runs_share_the_batch_and_each_gets_its_own_picture(
    shared: Diffusers, photo: Pixels, tmp_path: Path
) -> None:
    runner = await _loaded(shared, Family.STABLE_DIFFUSION, tmp_path)
    wishes: list[dict[str, JsonScalar]] = [
        {"seed": seed, "num_inference_steps": 30 + seed, "prompt": f"number {seed}"}
        for seed in range(4)
    ]
    alone = [Recorder(wish, {"image": photo}) for wish in wishes]
    for context in alone:
        await runner.run(context)
    together = [Recorder(wish, {"image": photo}) for wish in wishes]
    await asyncio.gather(*(runner.run(context) for context in together))
    await runner.close()
    assert max(shared.loop.pace.rows) > 1
    for one, other in zip(together, alone, strict=True):
        assert max(ImageChops.difference(one.image(), other.image()).tobytes()) <= 1


async def test_models_of_one_host_take_turns(
    shared: Diffusers, photo: Pixels, tmp_path: Path
) -> None:
    painter = await _loaded(shared, Family.STABLE_DIFFUSION, tmp_path)
    changer = await _loaded(shared, Family.FLUX_KONTEXT, tmp_path)
    first = Recorder({"seed": 1, "num_inference_steps": 30}, {"image": photo})
    second = Recorder(
        {"seed": 1, "num_inference_steps": 30, "prompt": "a tower"}, {"input_image": photo}
    )
    await asyncio.gather(painter.run(first), changer.run(second))
    await painter.close()
    await changer.close()
    assert (len(first.outputs), len(second.outputs)) == (1, 1)
