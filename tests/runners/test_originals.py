"""Rules of the hosted models that their schemas do not tell, one by one.

Source: github.com/replicate/cog-stable-diffusion-img2img and cog-flux-kontext, predict.py.
"""

import io
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from PIL import Image
from tests.runners.test_diffusers import Recorder
from tests.support.versions import make_spec

from darkroom.domain.errors import RunFailed
from darkroom.domain.families import Family, Schema
from darkroom.domain.model import JsonScalar
from darkroom.protocol.messages import Pixels
from darkroom.runners.diffusers import Diffusers
from darkroom.runners.diffusers.inputs import Inputs, Plan, plan
from darkroom.runners.diffusers.pictures import Format
from darkroom.runners.diffusers.runner import DiffusersRunner
from darkroom.runners.diffusers.sizes import SIZES, TRAINED, nearest_trained
from darkroom.service.catalogue import load_catalogue

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

WIDE = {
    "1:1": (1024, 1024),
    "16:9": (1328, 800),
    "21:9": (1568, 672),
    "3:2": (1248, 832),
    "4:3": (1184, 880),
    "5:4": (1104, 944),
    "2:1": (1456, 720),
}
PATHS = {
    Schema.SD_IMG2IMG: "stability-ai/stable-diffusion-img2img",
    Schema.MULTI_IMAGE_KONTEXT: "flux-kontext-apps/multi-image-kontext-pro",
    Schema.KONTEXT_DEV: "black-forest-labs/flux-kontext-dev",
}


def _planned(schema: Schema, family: Family, *sizes: tuple[int, int], **values: JsonScalar) -> Plan:
    """A plan as a prediction has it: with the schema's own defaults filled in."""
    _, version = load_catalogue({}).resolve(PATHS[schema])
    files = [one.name for one in version.inputs if one.type == "file"]
    filled = {one.name: one.default for one in version.inputs if one.default is not None}
    pictures = {name: Image.new("RGB", size) for name, size in zip(files, sizes, strict=True)}
    inputs = Inputs(
        values={**filled, **values}, pictures=pictures, seed=3, family=family, tiny=False
    )
    return plan(schema, inputs)


# ── Stable Diffusion img2img ────────────────────────────────────────────────────────────────


def test_img2img_without_wishes_is_what_the_hosted_model_runs() -> None:
    made = _planned(Schema.SD_IMG2IMG, Family.STABLE_DIFFUSION, (512, 512))
    order = made.order
    assert order.prompt == "A fantasy landscape, trending on artstation"
    assert (order.negative_prompt, order.steps, order.strength) == ("", 25, 0.8)
    assert (order.guidance, order.sampler, order.count) == (7.5, "DPMSolverMultistep", 1)
    assert (made.encoding.format, made.listed, made.notes) == (Format.PNG, True, ())


@pytest.mark.parametrize("strength", [0, 1, 0.03])
@pytest.mark.parametrize("steps", [1, 25, 500])
def test_img2img_takes_every_strength_and_number_of_steps(strength: float, steps: int) -> None:
    values: dict[str, JsonScalar] = {"prompt_strength": strength, "num_inference_steps": steps}
    made = _planned(Schema.SD_IMG2IMG, Family.STABLE_DIFFUSION, (64, 64), **values)
    assert (made.order.strength, made.order.steps) == (strength, steps)


# ── Kontext ─────────────────────────────────────────────────────────────────────────────────


def test_every_aspect_ratio_has_the_size_of_the_original() -> None:
    upright = {":".join(reversed(ratio.split(":"))): (h, w) for ratio, (w, h) in WIDE.items()}
    assert {**WIDE, **upright} == SIZES


@pytest.mark.parametrize("schema", [Schema.MULTI_IMAGE_KONTEXT, Schema.KONTEXT_DEV])
def test_every_aspect_ratio_that_is_offered_has_a_size(schema: Schema) -> None:
    _, version = load_catalogue({}).resolve(PATHS[schema])
    offered = next(one.choices for one in version.inputs if one.name == "aspect_ratio")
    assert set(offered) <= {*SIZES, "match_input_image"}


@pytest.mark.parametrize("size", TRAINED)
def test_a_picture_of_a_trained_size_keeps_it(size: tuple[int, int]) -> None:
    assert nearest_trained(size) == size


@pytest.mark.parametrize("size", TRAINED)
def test_a_picture_nearly_of_a_trained_shape_gets_that_size(size: tuple[int, int]) -> None:
    width, height = size
    for grown in (width * 3 + 1, width * 3 - 1):
        assert nearest_trained((grown, height * 3)) == size


def test_kontext_dev_without_wishes_is_what_the_hosted_model_runs() -> None:
    made = _planned(Schema.KONTEXT_DEV, Family.FLUX_KONTEXT, (640, 480), prompt="p")
    order = made.order
    assert (order.width, order.height, order.steps, order.guidance) == (1184, 880, 28, 2.5)
    assert [one.size for one in order.images] == [(1184, 880)]
    assert (made.encoding.format, made.encoding.quality, made.listed) == (Format.WEBP, 80, False)


def test_the_picture_is_scaled_to_a_trained_size_whatever_shape_is_asked_for() -> None:
    made = _planned(
        Schema.KONTEXT_DEV, Family.FLUX_KONTEXT, (640, 480), prompt="p", aspect_ratio="9:21"
    )
    assert (made.order.width, made.order.height) == (672, 1568)
    assert made.order.images[0].size == (1184, 880)


def test_klein_behind_kontext_dev_tells_what_it_ignores() -> None:
    made = _planned(Schema.KONTEXT_DEV, Family.FLUX2_KLEIN, (640, 480), prompt="p")
    told = [note for note in made.notes if note.startswith("Ignored")]
    assert told == ["Ignored, the model is distilled to 4 steps: guidance, num_inference_steps."]


def test_multi_image_without_wishes_takes_its_shape_from_the_first() -> None:
    made = _planned(
        Schema.MULTI_IMAGE_KONTEXT, Family.FLUX2_KLEIN, (300, 700), (700, 100), prompt="p"
    )
    assert (made.order.width, made.order.height) == nearest_trained((300, 700))
    assert [one.size for one in made.order.images] == [(300, 700), (700, 100)]
    assert (made.encoding.format, made.listed, made.notes) == (Format.PNG, False, ())


@pytest.mark.parametrize("name", ["input_image_1", "input_image_2"])
def test_a_reference_that_klein_does_not_take_is_told_by_name(name: str) -> None:
    good, bad = (64, 64), (40, 640)
    sizes = (bad, good) if name == "input_image_1" else (good, bad)
    with pytest.raises(RunFailed, match=f"`{name}` is 40 x 640 pixels; both sides must be 64"):
        _planned(Schema.MULTI_IMAGE_KONTEXT, Family.FLUX2_KLEIN, *sizes, prompt="p")


# ── seeds and files, in whole runs ──────────────────────────────────────────────────────────


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def kontext(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[DiffusersRunner]:
    folder = tmp_path_factory.mktemp("tiny")
    config = {"family": "flux-kontext", "weights": "tiny", "tiny_folder": str(folder)}
    shared = Diffusers({}, draw_seed=lambda: 0)
    runner = shared.runner()
    await runner.setup(make_spec(config=config), lambda _: None)
    yield runner
    await runner.close()
    shared.close()


@pytest.mark.parametrize(
    ("steps", "strength", "run"), [(1, 0.0, 1), (10, 0.05, 1), (5, 0.8, 4), (5, 1.0, 5)]
)
async def test_strength_says_how_many_steps_are_run_and_one_always_is(
    tmp_path: Path, grey: Pixels, steps: int, strength: float, run: int
) -> None:
    config = {"family": "stable-diffusion", "weights": "tiny", "tiny_folder": str(tmp_path)}
    shared = Diffusers({})
    runner = shared.runner()
    await runner.setup(make_spec(config=config), lambda _: None)
    values: dict[str, JsonScalar] = {"num_inference_steps": steps, "prompt_strength": strength}
    context = Recorder(values, {"image": grey})
    await runner.run(context)
    await runner.close()
    shared.close()
    assert context.progress == [(done, run) for done in range(1, run + 1)]
    assert len(context.outputs) == 1


@pytest.fixture
def grey(tmp_path: Path) -> Pixels:
    file = tmp_path / "grey.rgb"
    file.write_bytes(bytes([120]) * (32 * 32 * 3))
    return Pixels(str(file), 32, 32)


async def _ran(runner: DiffusersRunner, grey: Pixels, **values: JsonScalar) -> Recorder:
    given = {"prompt": "p", "num_inference_steps": 4, "aspect_ratio": "1:1", **values}
    context = Recorder(given, {"input_image": grey})
    await runner.run(context)
    return context


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("seed", [0, 2**63 - 1, -1])
async def test_a_seed_of_any_size_is_told_first_and_gives_the_same_again(
    kontext: DiffusersRunner, grey: Pixels, seed: int
) -> None:
    first, second = [await _ran(kontext, grey, seed=seed) for _ in range(2)]
    assert first.lines[0] == f"Using seed: {seed}"
    assert first.outputs == second.outputs


@pytest.mark.asyncio(loop_scope="module")
async def test_seed_0_is_a_seed_and_not_a_wish_for_any(
    kontext: DiffusersRunner, grey: Pixels
) -> None:
    nought, none = await _ran(kontext, grey, seed=0), await _ran(kontext, grey)
    other = await _ran(kontext, grey, seed=1)
    assert nought.outputs == none.outputs  # this runner draws 0
    assert nought.outputs != other.outputs


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("output_format", ["jpg", "webp"])
async def test_output_quality_is_a_matter_of_size(
    kontext: DiffusersRunner, grey: Pixels, output_format: str
) -> None:
    sizes: list[int] = []
    for quality in (0, 60, 100):
        values: dict[str, JsonScalar] = {"seed": 1, "output_quality": quality}
        made = await _ran(kontext, grey, output_format=output_format, **values)
        sizes.append(len(made.outputs[0][2]))
    assert sizes == sorted(set(sizes))


@pytest.mark.asyncio(loop_scope="module")
async def test_png_takes_no_notice_of_quality(kontext: DiffusersRunner, grey: Pixels) -> None:
    values: dict[str, JsonScalar] = {"seed": 1, "output_format": "png"}
    low, high = [await _ran(kontext, grey, **values, output_quality=one) for one in (0, 100)]
    assert low.outputs == high.outputs


@pytest.mark.asyncio(loop_scope="module")
async def test_the_file_holds_nothing_but_the_picture(
    kontext: DiffusersRunner, grey: Pixels
) -> None:
    for output_format in ("png", "jpg", "webp"):
        made = await _ran(kontext, grey, output_format=output_format, seed=1)
        with Image.open(io.BytesIO(made.outputs[0][2])) as image:
            assert not image.getexif()
            assert (image.size, image.mode) == ((256, 256), "RGB")
