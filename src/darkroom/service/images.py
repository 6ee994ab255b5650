"""What a model is given when it is asked in the words of OpenAI's Images API.

Source: OpenAI's published API reference, Images.
"""

import math
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from darkroom.domain.errors import InvalidField, InvalidInput
from darkroom.domain.model import FieldType, InputField, Json, JsonScalar, Version

MOST_PICTURES = 10
MASK = "mask"
_COUNT = "num_outputs"
_RATIO = "aspect_ratio"
_SIDES = ("width", "height")
_AUTO = "auto"
_SIZE = re.compile(r"([1-9]\d{0,4})x([1-9]\d{0,4})")
_RATIO_CHOICE = re.compile(r"([1-9]\d*):([1-9]\d*)")
_NUMBERS = {FieldType.INTEGER: int, FieldType.NUMBER: float}
_TRUTHS = {"true": True, "false": False}
_SAME = {"jpeg": "jpg", "jpg": "jpeg"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageRequest:
    """Pictures as they were asked for.

    Args:
        count: how many; None leaves it to the model.
        size: `WIDTHxHEIGHT`, `auto`, or a size of the model's own.
        pictures: addresses of what to start from, in order.
        mask: address of the mask.
        other: all other fields by name, a prompt among them; texts where they came in a form.
    """

    count: int | None = None
    size: str | None = None
    pictures: Sequence[str] = ()
    mask: str | None = None
    other: Mapping[str, Json]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """An input for a version, not yet checked, and how many predictions to make of it."""

    input: Mapping[str, Json]
    predictions: int


def fit(version: Version, asked: ImageRequest) -> Fitted:
    """Say *asked* in the inputs that *version* has; fields it does not know are left out.

    Raises:
        InvalidInput: a size that is none, more pictures than the version takes or anybody may
            ask for, or a mask that it has no use for; in the words of OpenAI's fields.
    """
    known = {one.name: one for one in version.inputs}
    values = {
        name: _typed(known[name], value) for name, value in asked.other.items() if name in known
    }
    values = {**_sized(known, asked.size), **values}
    values |= _placed(version, asked, values)
    count = 1 if asked.count is None else asked.count
    if not 1 <= count <= MOST_PICTURES:
        raise _invalid("n", f"Must be from 1 to {MOST_PICTURES}")
    if _COUNT not in known:
        return Fitted(input=values, predictions=count)
    if asked.count is not None:
        values[_COUNT] = count
    return Fitted(input=values, predictions=1)


def spoken(version: Version, name: str) -> str:
    """OpenAI's name of the field that an input of *version* came from; else the input's own."""
    if name == MASK:
        return name
    if name in version.file_inputs:
        return "image"
    return {_COUNT: "n", _RATIO: "size", "width": "size", "height": "size"}.get(name, name)


def _placed(version: Version, asked: ImageRequest, taken: Mapping[str, Json]) -> Mapping[str, Json]:
    """The pictures on the file inputs that are still free, in the order of the schema."""
    files = version.file_inputs
    free = [name for name in files if name != MASK and name not in taken]
    if len(asked.pictures) > len(free):
        raise _invalid("image", f"{version.model} takes {_so_many(len(free))} here")
    placed: dict[str, Json] = dict(zip(free, asked.pictures, strict=False))
    if asked.mask is not None:
        if MASK not in files:
            raise _invalid("mask", f"{version.model} takes no mask")
        placed[MASK] = asked.mask
    return placed


def _so_many(count: int) -> str:
    if count == 0:
        return "no picture"
    return "one picture at most" if count == 1 else f"{count} pictures at most"


def _sized(known: Mapping[str, InputField], size: str | None) -> Mapping[str, Json]:
    """The inputs that come closest to a size; none where the version knows of no sizes."""
    if size is None:
        return {}
    if "size" in known:
        return {"size": size}
    if size == _AUTO:
        return {}
    matched = _SIZE.fullmatch(size)
    if matched is None:
        raise _invalid("size", "Must be WIDTHxHEIGHT such as 1024x1024, or auto")
    width, height = int(matched[1]), int(matched[2])
    ratio = _nearest(known[_RATIO].choices, width / height) if _RATIO in known else None
    if ratio is not None:
        return {_RATIO: ratio}
    return dict(zip(_SIDES, (width, height), strict=True)) if known.keys() >= {*_SIDES} else {}


def _nearest(choices: Sequence[JsonScalar], wanted: float) -> str | None:
    """The choice of the form `a:b` whose ratio is nearest, as seen on a logarithmic scale."""
    ratios = {
        matched[0]: abs(math.log(int(matched[1]) / int(matched[2]) / wanted))
        for matched in (_RATIO_CHOICE.fullmatch(str(one)) for one in choices)
        if matched
    }
    return min(ratios, key=lambda one: ratios[one]) if ratios else None


def _typed(field: InputField, value: Json) -> Json:
    """A text of a form as the type the input has, if it can be read as that; else as it is."""
    if not isinstance(value, str):
        return value
    if field.type in _NUMBERS:
        with suppress(ValueError):
            return _NUMBERS[field.type](value)
    if field.type is FieldType.BOOLEAN:
        return _TRUTHS.get(value.lower(), value)
    other = _SAME.get(value)
    return other if value not in field.choices and other in field.choices else value


def _invalid(field: str, words: str) -> InvalidInput:
    return InvalidInput([InvalidField(type="invalid", field=field, description=words)])
