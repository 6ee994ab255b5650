"""Runs of whole models whose pictures are checked."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import torch
from tests.runners.test_diffusers import Recorder
from tests.support.checkers import certain, changed, every_concept
from tests.support.versions import make_spec

from darkroom.domain.errors import RunFailed, WeightsUnavailable
from darkroom.domain.families import Family, Schema
from darkroom.domain.model import JsonScalar
from darkroom.engine.safety_loading import load_checker
from darkroom.engine.tiny_safety import tiny_classifier, tiny_concepts
from darkroom.protocol.messages import Pixels
from darkroom.runners.diffusers import Diffusers
from darkroom.runners.diffusers.runner import DiffusersRunner

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

SIDE = 64
SHIPPED = {
    "safety_checker": "hf://CompVis/stable-diffusion-safety-checker",
    "nsfw_classifier": "hf://Falconsai/nsfw_image_detection",
}
VALUES: Mapping[str, JsonScalar] = {
    "prompt": "p", "seed": 3, "num_inference_steps": 4, "aspect_ratio": "1:1",
}  # fmt: skip


@pytest.fixture(scope="module")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tiny")


@pytest.fixture(scope="module")
def strict(tiny_folder: Path) -> dict[str, str]:
    """The keys of checkers that flag every picture."""
    concepts = changed(tiny_concepts(tiny_folder), tiny_folder / "strict", every_concept)
    classifier = changed(tiny_classifier(tiny_folder), tiny_folder / "certain", certain(0.99))
    return {"safety_checker": str(concepts), "nsfw_classifier": str(classifier)}


@pytest.fixture
def photo(tmp_path: Path) -> Pixels:
    file = tmp_path / "photo.rgb"
    file.write_bytes(bytes(range(192)) * (SIDE * SIDE // 64))
    return Pixels(str(file), SIDE, SIDE)


@asynccontextmanager
async def _loaded(
    family: Family, schema: Schema, tiny_folder: Path, keys: Mapping[str, str]
) -> AsyncGenerator[DiffusersRunner]:
    config = {"family": str(family), "schema": str(schema), "weights": "tiny"}
    shared = Diffusers({})
    runner = shared.runner()
    spec = make_spec(config={**config, "tiny_folder": str(tiny_folder), **keys})
    try:
        await runner.setup(spec, lambda _: None)
        yield runner
    finally:
        await runner.close()
        shared.close()


async def test_what_a_model_takes_counts_its_checkers(tiny_folder: Path) -> None:
    shared = Diffusers({})
    config = {"family": "flux2-klein", "weights": "tiny", "tiny_folder": str(tiny_folder)}
    bare = await shared.runner().setup(make_spec(config=config), lambda _: None)
    whole = await shared.runner().setup(make_spec(config={**config, **SHIPPED}), lambda _: None)
    shared.close()
    checker = load_checker(
        tiny_concepts(tiny_folder), tiny_classifier(tiny_folder), torch.device("cpu")
    )
    assert whole.weights_bytes - bare.weights_bytes == checker.weights_bytes > 0


@pytest.mark.parametrize(("keys", "shown"), [({}, True), ({"previews": "off"}, False)])
async def test_a_run_is_shown_before_it_is_checked_unless_the_operator_forbids_it(
    tiny_folder: Path, photo: Pixels, keys: dict[str, str], *, shown: bool
) -> None:
    context = Recorder(VALUES, {"input_image": photo}, watched=True)
    async with _loaded(
        Family.FLUX_KONTEXT, Schema.KONTEXT_DEV, tiny_folder, {**SHIPPED, **keys}
    ) as runner:
        await runner.run(context)
    assert bool(context.previews) is shown
    assert len(context.outputs) == 1


async def test_a_safe_picture_is_counted_and_shown(tiny_folder: Path, photo: Pixels) -> None:
    context = Recorder(VALUES, {"input_image": photo})
    async with _loaded(Family.FLUX_KONTEXT, Schema.KONTEXT_DEV, tiny_folder, SHIPPED) as runner:
        await runner.run(context)
    assert len(context.outputs) == 1
    assert context.lines[0] == "Using seed: 3"
    assert context.lines[-1] == "Total safe images: 1 out of 1"


async def test_a_flagged_picture_is_not_shown_and_the_failure_says_so(
    tiny_folder: Path, photo: Pixels, strict: dict[str, str]
) -> None:
    context = Recorder(VALUES, {"input_image": photo})
    async with _loaded(Family.FLUX_KONTEXT, Schema.KONTEXT_DEV, tiny_folder, strict) as runner:
        with pytest.raises(RunFailed, match="All generated images contained NSFW content"):
            await runner.run(context)
    assert (context.outputs, context.metrics) == ([], {})
    assert context.lines[-1] == "NSFW content detected in image 0"


async def test_a_run_that_may_do_without_shows_what_it_made(
    tiny_folder: Path, photo: Pixels, strict: dict[str, str]
) -> None:
    keys = {**strict, "allow_unchecked": "yes"}
    context = Recorder({**VALUES, "disable_safety_checker": True}, {"input_image": photo})
    async with _loaded(Family.FLUX2_KLEIN, Schema.KONTEXT_DEV, tiny_folder, keys) as runner:
        await runner.run(context)
    assert len(context.outputs) == 1
    assert "disable_safety_checker: the pictures of this run are not checked." in context.lines


async def test_flagged_inputs_end_a_run_before_it_takes_a_step(
    tiny_folder: Path, photo: Pixels, strict: dict[str, str]
) -> None:
    files = {"input_image_1": photo, "input_image_2": photo}
    context = Recorder({**VALUES, "safety_tolerance": 2}, files)
    async with _loaded(
        Family.FLUX2_KLEIN, Schema.MULTI_IMAGE_KONTEXT, tiny_folder, strict
    ) as runner:
        with pytest.raises(RunFailed, match=r"flagged as sensitive.*\(E005\)$"):
            await runner.run(context)
    assert (context.outputs, context.progress) == ([], [])


async def test_img2img_is_checked_if_the_operator_says_so(
    tiny_folder: Path, photo: Pixels, strict: dict[str, str]
) -> None:
    context = Recorder({"num_inference_steps": 2}, {"image": photo})
    async with _loaded(Family.STABLE_DIFFUSION, Schema.SD_IMG2IMG, tiny_folder, strict) as runner:
        with pytest.raises(RunFailed, match=r"^NSFW content detected\. Try running it again, or"):
            await runner.run(context)
    assert context.outputs == []


async def test_a_model_whose_checker_is_missing_does_not_load(tiny_folder: Path) -> None:
    keys = {"nsfw_classifier": "/nowhere/falcon"}
    with pytest.raises(WeightsUnavailable, match="no safety checker in /nowhere/falcon"):
        async with _loaded(Family.FLUX2_KLEIN, Schema.KONTEXT_DEV, tiny_folder, keys):
            pass
