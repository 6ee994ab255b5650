"""OpenAI's fields become the inputs a version has, and nothing else."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from darkroom.domain.errors import InvalidInput
from darkroom.domain.model import FieldType, InputField, Json, Version
from darkroom.service.catalogue import load_catalogue
from darkroom.service.images import Fitted, ImageRequest, fit, spoken

CATALOGUE = load_catalogue({})
ECHO = CATALOGUE.model("darkroom", "echo").latest
SD = CATALOGUE.model("stability-ai", "stable-diffusion-img2img").latest
KONTEXT = CATALOGUE.model("flux-kontext-apps", "multi-image-kontext-pro").latest


def version(*fields: tuple[str, FieldType]) -> Version:
    inputs = [InputField(name=name, type=type_, description="") for name, type_ in fields]
    return replace(ECHO, inputs=inputs)


def inputs(of: Version, **asked: object) -> Mapping[str, Json]:
    return fitted(of, **asked).input


def fitted(of: Version, **asked: object) -> Fitted:
    return fit(of, replace(ImageRequest(other={}), **asked))


def refused(of: Version, **asked: object) -> tuple[str, str]:
    with pytest.raises(InvalidInput) as caught:
        fitted(of, **asked)
    (field,) = caught.value.fields
    return field.field, field.description


def test_fields_the_model_knows_are_passed_and_the_rest_is_left_out() -> None:
    other: Mapping[str, Json] = {"prompt": "a house", "seed": 3, "quality": "high", "style": "x"}
    assert inputs(KONTEXT, other=other) == {"prompt": "a house", "seed": 3}


@pytest.mark.parametrize(
    ("size", "ratio"),
    [
        ("1024x1024", "1:1"),
        ("1536x1024", "3:2"),
        ("1024x1536", "2:3"),
        ("1792x1024", "16:9"),
        ("1024x1792", "9:16"),
        ("1000x1010", "1:1"),
        ("9999x1", "21:9"),
        ("1x9999", "9:21"),
    ],
)
def test_a_size_is_the_nearest_ratio_of_the_model(size: str, ratio: str) -> None:
    assert inputs(KONTEXT, size=size) == {"aspect_ratio": ratio}


def test_a_ratio_of_the_models_own_wins_over_a_size() -> None:
    given = inputs(KONTEXT, size="1024x1024", other={"aspect_ratio": "2:1"})
    assert given == {"aspect_ratio": "2:1"}


def test_a_size_is_width_and_height_where_the_model_has_both() -> None:
    sides = version(("width", FieldType.INTEGER), ("height", FieldType.INTEGER))
    assert inputs(sides, size="512x768") == {"width": 512, "height": 768}


def test_a_size_is_the_models_own_where_it_has_one() -> None:
    assert inputs(version(("size", FieldType.STRING)), size="2K") == {"size": "2K"}


def test_a_ratio_without_choices_takes_no_size() -> None:
    assert inputs(version(("aspect_ratio", FieldType.STRING)), size="512x512") == {}


@pytest.mark.parametrize("of", [SD, KONTEXT])
def test_an_automatic_size_is_left_to_the_model(of: Version) -> None:
    assert inputs(of, size="auto") == {}


def test_a_size_is_ignored_where_the_model_knows_none() -> None:
    assert inputs(SD, size="1024x1024") == {}


@pytest.mark.parametrize("size", ["large", "1024", "0x1024", "1024x", "1024x1024x3", "-1x5"])
def test_a_size_that_is_none_is_refused(size: str) -> None:
    assert refused(KONTEXT, size=size)[0] == "size"


def test_the_number_of_pictures_is_the_models_where_it_can_make_several() -> None:
    assert fitted(SD, count=3) == Fitted(input={"num_outputs": 3}, predictions=1)
    assert fitted(SD) == Fitted(input={}, predictions=1)


def test_the_number_of_pictures_is_that_of_predictions_elsewhere() -> None:
    assert fitted(KONTEXT, count=3) == Fitted(input={}, predictions=3)


@pytest.mark.parametrize("count", [0, -1, 11])
def test_an_odd_number_of_pictures_is_refused(count: int) -> None:
    assert refused(KONTEXT, count=count) == ("n", "Must be from 1 to 10")
    assert refused(SD, count=count) == ("n", "Must be from 1 to 10")


def test_pictures_fill_the_file_inputs_in_their_order() -> None:
    placed = inputs(KONTEXT, pictures=["data:,a", "data:,b"])
    assert placed == {"input_image_1": "data:,a", "input_image_2": "data:,b"}


def test_a_file_input_that_is_named_is_taken() -> None:
    placed = inputs(KONTEXT, pictures=["data:,a"], other={"input_image_1": "data:,b"})
    assert placed == {"input_image_1": "data:,b", "input_image_2": "data:,a"}


def test_more_pictures_than_the_model_takes_are_refused() -> None:
    told = refused(KONTEXT, pictures=["a", "b", "c"])
    one = refused(ECHO, pictures=["a", "b"])
    none = refused(version(("prompt", FieldType.STRING)), pictures=["a"])

    assert told == ("image", f"{KONTEXT.model} takes 2 pictures at most here")
    assert one[1].endswith("takes one picture at most here")
    assert none[1].endswith("takes no picture here")


def test_a_mask_goes_where_the_model_has_one_and_is_refused_elsewhere() -> None:
    painter = version(("mask", FieldType.FILE), ("image", FieldType.FILE))
    placed = inputs(painter, pictures=["data:,a"], mask="data:,m")

    assert placed == {"image": "data:,a", "mask": "data:,m"}
    assert refused(KONTEXT, mask="data:,m") == ("mask", f"{KONTEXT.model} takes no mask")


@pytest.mark.parametrize(
    ("type_", "text", "value"),
    [
        (FieldType.INTEGER, "25", 25),
        (FieldType.INTEGER, "many", "many"),
        (FieldType.NUMBER, "0.5", 0.5),
        (FieldType.BOOLEAN, "true", True),
        (FieldType.BOOLEAN, "False", False),
        (FieldType.BOOLEAN, "maybe", "maybe"),
        (FieldType.STRING, "25", "25"),
    ],
)
def test_texts_of_a_form_take_the_type_of_their_input(
    type_: FieldType, text: str, value: object
) -> None:
    assert inputs(version(("x", type_)), other={"x": text}) == {"x": value}


def test_both_names_of_a_file_format_are_understood() -> None:
    assert inputs(KONTEXT, other={"output_format": "jpeg"}) == {"output_format": "jpg"}
    assert inputs(KONTEXT, other={"output_format": "png"}) == {"output_format": "png"}
    assert inputs(KONTEXT, other={"output_format": "webp"}) == {"output_format": "webp"}


def test_inputs_are_spoken_of_by_the_fields_they_came_from() -> None:
    names = ["num_outputs", "input_image_2", "aspect_ratio", "width", "seed", "mask"]
    spelled = [spoken(KONTEXT, name) for name in names]
    assert spelled == ["n", "image", "size", "size", "seed", "mask"]
