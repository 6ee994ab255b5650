import io
from collections.abc import Mapping

import pytest
from PIL import Image

from darkroom.domain.errors import InvalidSetting, RunFailed
from darkroom.domain.families import SERVED, Family, Schema
from darkroom.domain.model import JsonScalar
from darkroom.engine.interface import Sampler
from darkroom.runners.diffusers.inputs import Inputs, Plan, plan
from darkroom.runners.diffusers.pictures import Encoding, Format
from darkroom.runners.diffusers.setup import read_setup
from darkroom.runners.diffusers.sizes import SIZES, TRAINED, nearest_trained


def _plan(
    schema: Schema,
    family: Family,
    values: Mapping[str, JsonScalar],
    *sizes: tuple[int, int],
    tiny: bool = False,
) -> Plan:
    names = {
        Schema.SD_IMG2IMG: ["image"],
        Schema.MULTI_IMAGE_KONTEXT: ["input_image_1", "input_image_2"],
        Schema.KONTEXT_DEV: ["input_image"],
    }[schema]
    pictures = {name: Image.new("RGB", size) for name, size in zip(names, sizes, strict=False)}
    return plan(schema, Inputs(values=values, pictures=pictures, seed=3, family=family, tiny=tiny))


def _img2img(size: tuple[int, int], **values: JsonScalar) -> Plan:
    return _plan(Schema.SD_IMG2IMG, Family.STABLE_DIFFUSION, values, size)


def _multi(*sizes: tuple[int, int], tiny: bool = False, **values: JsonScalar) -> Plan:
    return _plan(Schema.MULTI_IMAGE_KONTEXT, Family.FLUX2_KLEIN, values, *sizes, tiny=tiny)


def _size(made: Plan) -> tuple[int, int]:
    return made.order.width, made.order.height


@pytest.mark.parametrize(
    ("given", "made"),
    [
        ((512, 512), (512, 512)),
        ((100, 75), (96, 64)),
        ((769, 543), (768, 512)),
        ((63, 32), (32, 32)),
        ((4000, 3000), (1760, 1312)),
        ((50, 40000), (32, 40000)),
    ],
)
def test_img2img_cuts_sides_down_to_multiples_of_32(
    given: tuple[int, int], made: tuple[int, int]
) -> None:
    planned = _img2img(given)
    assert _size(planned) == made
    assert planned.order.images[0].size == made


def test_a_picture_that_was_scaled_down_is_told() -> None:
    assert "scaled down to 1760 x 1312" in _img2img((4000, 3000)).notes[0]
    assert _img2img((769, 543)).notes == ()


def test_a_picture_too_small_for_img2img_is_told() -> None:
    with pytest.raises(RunFailed, match="31 x 200; both sides must be 32"):
        _img2img((31, 200))


@pytest.mark.parametrize("strength", [-0.1, 1.01])
def test_a_strength_outside_its_range_is_told(strength: float) -> None:
    with pytest.raises(RunFailed, match="prompt_strength must be from 0 to 1"):
        _img2img((64, 64), prompt_strength=strength)


def test_img2img_passes_every_input_on() -> None:
    order = _img2img(
        (64, 96),
        prompt="p",
        negative_prompt="n",
        scheduler="KLMS",
        num_outputs=4,
        guidance_scale=3,
        prompt_strength=0.5,
        num_inference_steps=11,
    ).order
    assert (order.prompt, order.negative_prompt, order.sampler) == ("p", "n", Sampler.KLMS)
    assert (order.count, order.guidance, order.strength, order.steps) == (4, 3.0, 0.5, 11)
    assert order.seed == 3


def test_there_are_17_trained_sizes_and_every_side_fills_whole_patches() -> None:
    assert len(set(TRAINED)) == 17
    assert all(width % 16 == 0 and height % 16 == 0 for width, height in TRAINED)
    assert set(SIZES.values()) <= set(TRAINED)


@pytest.mark.parametrize(
    ("given", "trained"),
    [
        ((500, 500), (1024, 1024)),
        ((4000, 3000), (1184, 880)),
        ((3000, 4000), (880, 1184)),
        ((1920, 1080), (1392, 752)),
        ((100, 900), (672, 1568)),
    ],
)
def test_the_nearest_trained_size_is_by_shape(
    given: tuple[int, int], trained: tuple[int, int]
) -> None:
    assert nearest_trained(given) == trained


def test_the_first_picture_decides_the_size_of_the_result() -> None:
    assert _size(_multi((640, 480), (100, 400))) == (1184, 880)


@pytest.mark.parametrize(
    ("ratio", "size"),
    [("1:1", (1024, 1024)), ("16:9", (1328, 800)), ("9:21", (672, 1568)), ("1:2", (720, 1456))],
)
def test_an_aspect_ratio_decides_the_size_of_the_result(ratio: str, size: tuple[int, int]) -> None:
    assert _size(_multi((640, 480), (100, 400), aspect_ratio=ratio)) == size


def test_tiny_weights_take_a_quarter_of_each_side_and_say_so() -> None:
    made = _multi((640, 480), (2000, 1000), tiny=True, aspect_ratio="4:3")
    assert _size(made) == (288, 208)
    assert made.order.images[1].width * made.order.images[1].height <= 256 * 256
    assert "divided by 4 per side: 288 x 208" in made.notes[0]


def test_references_keep_their_own_shape_up_to_a_megapixel() -> None:
    first, second = _multi((640, 480), (2048, 2048)).order.images
    assert first.size == (640, 480)
    assert second.size == (1024, 1024)


def test_a_reference_at_the_limit_of_shape_stays_within_it_when_scaled() -> None:
    width, height = _multi((4096, 512), (64, 64), tiny=True).order.images[0].size
    assert 64 <= height <= width <= 8 * height


@pytest.mark.parametrize(
    ("size", "told"),
    [((63, 200), "`input_image_2` is 63 x 200 pixels; both sides"), ((600, 70), "Crop")],
)
def test_a_reference_beyond_the_limits_of_klein_is_told(size: tuple[int, int], told: str) -> None:
    with pytest.raises(RunFailed, match=told):
        _multi((64, 64), size)


def test_a_missing_picture_is_told_by_name() -> None:
    with pytest.raises(RunFailed, match="`input_image_2` is missing"):
        _multi((64, 64))


def test_kontext_scales_its_picture_to_a_trained_size() -> None:
    made = _plan(
        Schema.KONTEXT_DEV,
        Family.FLUX_KONTEXT,
        {"aspect_ratio": "1:1", "guidance": 4, "num_inference_steps": 9},
        (640, 480),
    )
    assert made.order.images[0].size == (1184, 880)
    assert (_size(made), made.order.guidance, made.order.steps) == ((1024, 1024), 4.0, 9)


def test_klein_ignores_steps_and_guidance_and_says_so() -> None:
    values = {"guidance": 4, "num_inference_steps": 9, "go_fast": True}
    made = _plan(Schema.KONTEXT_DEV, Family.FLUX2_KLEIN, values, (640, 480))
    assert made.order.steps == 4
    told = " ".join(made.notes)
    assert "guidance, num_inference_steps" in told
    assert "go_fast has no effect" in told


def test_kontext_takes_go_fast_and_tells_how_many_steps_are_computed() -> None:
    values = {"go_fast": True, "num_inference_steps": 28}
    made = _plan(Schema.KONTEXT_DEV, Family.FLUX_KONTEXT, values, (640, 480))
    assert made.order.go_fast
    assert "go_fast: 13 of 28 steps are computed, the others guessed." in made.notes


def test_a_run_of_which_every_input_has_an_effect_has_nothing_to_tell() -> None:
    assert _multi((64, 64), (64, 64)).notes == ()


@pytest.mark.parametrize(
    ("format_", "told", "start"),
    [
        (Format.PNG, "image/png", b"\x89PNG"),
        (Format.JPG, "image/jpeg", b"\xff\xd8\xff"),
        (Format.WEBP, "image/webp", b"RIFF"),
    ],
)
def test_each_format_is_what_it_says(format_: Format, told: str, start: bytes) -> None:
    encoding = Encoding(format_)
    data = encoding.encode(Image.radial_gradient("L").convert("RGB"))
    assert (encoding.content_type, data[: len(start)]) == (told, start)
    with Image.open(io.BytesIO(data)) as image:
        assert image.size == (256, 256)
        assert not image.getexif()
        assert not {"icc_profile", "comment", "xmp", "dpi"} & image.info.keys()


@pytest.mark.parametrize("format_", [Format.JPG, Format.WEBP])
def test_quality_is_a_matter_of_size_down_to_nought(format_: Format) -> None:
    image = Image.effect_noise((128, 128), 80).convert("RGB")
    sizes = [len(Encoding(format_, quality).encode(image)) for quality in (0, 50, 100)]
    assert sizes == sorted(set(sizes))


CONFIG = {"family": "flux2-klein", "schema": "kontext-dev", "weights": "/models/klein"}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"family": "sdxl"}, "must be one of stable-diffusion, flux-kontext, flux2-klein"),
        ({"schema": ""}, "lacks `schema`"),
        ({"schema": "sd-img2img"}, "needs a model of the family stable-diffusion"),
        ({"weights": "tiny"}, "lacks `tiny_folder`"),
    ],
)
def test_a_configuration_that_makes_no_sense_names_the_choices(
    change: dict[str, str], told: str
) -> None:
    read_setup(CONFIG)
    with pytest.raises(InvalidSetting, match=told):
        read_setup({**CONFIG, **change})


@pytest.mark.parametrize("family", Family)
def test_a_configuration_without_a_schema_takes_one_that_fits(family: Family) -> None:
    schema = read_setup({"family": family, "weights": "/models/own"}).schema
    assert schema in SERVED[family]
