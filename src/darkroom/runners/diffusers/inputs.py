"""The inputs of hosted models, each put as an order to the engine.

A schema here is the set of inputs of one hosted model. What a family cannot do with an input is
told in the log, never passed over in silence.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from PIL.Image import Image

from darkroom.domain.errors import RunFailed
from darkroom.domain.families import Family, Schema
from darkroom.domain.model import JsonScalar
from darkroom.engine.fast import computed_steps
from darkroom.engine.interface import Order, Sampler
from darkroom.runners.diffusers.pictures import Encoding, Format, resized
from darkroom.runners.diffusers.sizes import (
    MEGAPIXEL,
    SIZES,
    TINY_DIVISOR,
    Size,
    divided,
    floored,
    nearest_trained,
    within,
)

KLEIN_STEPS = 4
_SD_MULTIPLE = 32
_SD_AREA = 1536 * 1536  # where attention starts to outgrow the memory of common devices
_KLEIN_SIDE = 64
_KLEIN_RATIO = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """What a run was given. `tiny` says that the weights are random and small."""

    values: Mapping[str, JsonScalar]
    pictures: Mapping[str, Image]
    seed: int
    family: Family
    tiny: bool

    def text(self, name: str, default: str) -> str:
        """A string input."""
        value = self.values.get(name)
        return default if value is None else str(value)

    def number(self, name: str, default: float) -> float:
        """A numeric input."""
        value = self.values.get(name)
        return default if value is None else float(value)

    def picture(self, name: str) -> Image:
        """A picture input.

        Raises:
            RunFailed: it was not sent.
        """
        if name not in self.pictures:
            raise RunFailed(f"`{name}` is missing. Send a picture.")
        return self.pictures[name]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is going to be made of a run's inputs.

    Args:
        order: for the engine.
        encoding: of the files.
        listed: whether files are numbered, `out-0.png`, or there is one, `output.png`.
        notes: lines for the log.
    """

    order: Order
    encoding: Encoding
    listed: bool
    notes: tuple[str, ...] = ()


def plan(schema: Schema, inputs: Inputs) -> Plan:
    """Read inputs, already checked against the version's schema, as *schema* means them.

    Raises:
        RunFailed: a picture or number is beyond what the model takes.
    """
    return _PLANS[schema](inputs)


def _img2img(inputs: Inputs) -> Plan:
    """Source: github.com/replicate/cog-stable-diffusion-img2img, predict.py."""
    strength = inputs.number("prompt_strength", 0.8)
    if not 0 <= strength <= 1:
        raise RunFailed(f"prompt_strength must be from 0 to 1, but is {strength:g}.")
    picture = inputs.picture("image")
    size = _img2img_size(picture.size)
    order = Order(
        prompt=inputs.text("prompt", "A fantasy landscape, trending on artstation"),
        negative_prompt=inputs.text("negative_prompt", ""),
        images=(resized(picture, size),),
        width=size[0],
        height=size[1],
        steps=int(inputs.number("num_inference_steps", 25)),
        strength=strength,
        guidance=inputs.number("guidance_scale", 7.5),
        sampler=Sampler(inputs.text("scheduler", Sampler.DPM_SOLVER_MULTISTEP)),
        count=int(inputs.number("num_outputs", 1)),
        seed=inputs.seed,
    )
    shrunk = size != floored(picture.size, _SD_MULTIPLE)
    notes = (f"The picture is large and was scaled down to {size[0]} x {size[1]}.",)
    return Plan(
        order=order, encoding=Encoding(Format.PNG), listed=True, notes=notes if shrunk else ()
    )


def _img2img_size(size: Size) -> Size:
    if min(size) < _SD_MULTIPLE:
        raise RunFailed(
            f"The picture is {size[0]} x {size[1]}; both sides must be {_SD_MULTIPLE} pixels or "
            "more. Send a larger one."
        )
    return floored(within(size, _SD_AREA), _SD_MULTIPLE)


def _multi_image_kontext(inputs: Inputs) -> Plan:
    first, second = inputs.picture("input_image_1"), inputs.picture("input_image_2")
    encoding = Encoding(Format(inputs.text("output_format", Format.PNG)))
    return _klein(inputs, {"input_image_1": first, "input_image_2": second}, encoding)


def _kontext_dev(inputs: Inputs) -> Plan:
    """Source: github.com/replicate/cog-flux-kontext, predict.py."""
    picture = inputs.picture("input_image")
    encoding = Encoding(
        Format(inputs.text("output_format", Format.WEBP)), int(inputs.number("output_quality", 80))
    )
    if inputs.family is Family.FLUX2_KLEIN:
        ignored = [name for name in ("guidance", "num_inference_steps") if name in inputs.values]
        notes = (f"Ignored, the model is distilled to {KLEIN_STEPS} steps: {', '.join(ignored)}.",)
        made = _klein(inputs, {"input_image": picture}, encoding, notes=notes if ignored else ())
    else:
        made = _kontext(inputs, picture, encoding)
    return made


def _kontext(inputs: Inputs, picture: Image, encoding: Encoding) -> Plan:
    divisor = _divisor(inputs)
    trained = divided(nearest_trained(picture.size), divisor)
    width, height = _output_size(inputs, picture)
    order = Order(
        prompt=inputs.text("prompt", ""),
        images=(resized(picture, trained),),
        width=width,
        height=height,
        steps=int(inputs.number("num_inference_steps", 28)),
        guidance=inputs.number("guidance", 2.5),
        go_fast=bool(inputs.values.get("go_fast")),
        seed=inputs.seed,
    )
    return Plan(order=order, encoding=encoding, listed=False, notes=_notes(inputs, order))


def _klein(
    inputs: Inputs,
    pictures: Mapping[str, Image],
    encoding: Encoding,
    *,
    notes: tuple[str, ...] = (),
) -> Plan:
    references = tuple(_reference(inputs, name, one) for name, one in pictures.items())
    width, height = _output_size(inputs, next(iter(pictures.values())))
    order = Order(
        prompt=inputs.text("prompt", ""),
        images=references,
        width=width,
        height=height,
        steps=KLEIN_STEPS,
        seed=inputs.seed,
    )
    if inputs.values.get("go_fast"):
        notes = (*notes, "go_fast has no effect: every step is computed in full.")
    notes = (*_notes(inputs, order), *notes)
    return Plan(order=order, encoding=encoding, listed=False, notes=notes)


def _reference(inputs: Inputs, name: str, picture: Image) -> Image:
    """Check a reference for klein and scale it down to the area that the model looks at."""
    short, long = sorted(picture.size)
    told = f"`{name}` is {picture.width} x {picture.height} pixels"
    if short < _KLEIN_SIDE:
        raise RunFailed(
            f"{told}; both sides must be {_KLEIN_SIDE} pixels or more. Send a larger picture."
        )
    if long > _KLEIN_RATIO * short:
        raise RunFailed(
            f"{told}; one side may be {_KLEIN_RATIO} times the other at most. Crop the picture."
        )
    width, height = within(picture.size, MEGAPIXEL // _divisor(inputs) ** 2)
    # Rounding down the short side must not push the picture over the ratio.
    size = min(width, _KLEIN_RATIO * height), min(height, _KLEIN_RATIO * width)
    return resized(picture, size)


def _output_size(inputs: Inputs, picture: Image) -> Size:
    ratio = inputs.text("aspect_ratio", "match_input_image")
    size = SIZES[ratio] if ratio in SIZES else nearest_trained(picture.size)
    return divided(size, _divisor(inputs))


def _divisor(inputs: Inputs) -> int:
    return TINY_DIVISOR if inputs.tiny else 1


def _notes(inputs: Inputs, order: Order) -> tuple[str, ...]:
    """What is done otherwise than the inputs say, or in another way."""
    notes: list[str] = []
    if inputs.tiny:
        size = f"{order.width} x {order.height}"
        notes.append(f"Sizes are divided by {TINY_DIVISOR} per side: {size}.")
    if order.go_fast and (full := computed_steps(order.steps)) < order.steps:
        notes.append(f"go_fast: {full} of {order.steps} steps are computed, the others guessed.")
    return tuple(notes)


_PLANS: Mapping[Schema, Callable[[Inputs], Plan]] = {
    Schema.SD_IMG2IMG: _img2img,
    Schema.MULTI_IMAGE_KONTEXT: _multi_image_kontext,
    Schema.KONTEXT_DEV: _kontext_dev,
}
