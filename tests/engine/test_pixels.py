import math

import pytest
import torch
from PIL import Image

from darkroom.domain.errors import RunFailed
from darkroom.engine.device import Device
from darkroom.engine.pixels import to_image, to_pixels

CPU = Device(torch.device("cpu"), torch.float32)


def test_a_picture_is_the_same_there_and_back(photo: Image.Image) -> None:
    assert to_image(to_pixels(photo, CPU)).tobytes() == photo.tobytes()


def test_levels_are_rounded_and_what_is_beyond_is_cut_off() -> None:
    values = torch.tensor([-1.5, -1.0, -0.99, -0.997, 0.0, 0.999, 1.0, 7.0])
    image = to_image(values.expand(1, 3, 1, 8))
    assert list(image.getchannel("R").tobytes()) == [0, 0, 1, 0, 128, 255, 255, 255]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_one_value_that_is_no_number_is_a_failure(value: float, dtype: torch.dtype) -> None:
    pixels = torch.zeros(1, 3, 8, 8, dtype=dtype)
    pixels[0, 1, 2, 3] = value
    with pytest.raises(RunFailed, match=r"values that are no numbers\. Try another"):
        to_image(pixels)


@pytest.mark.parametrize("value", [-1.0, -1.001, -50.0, -0.9961])
def test_a_picture_that_is_black_all_over_is_a_failure(value: float) -> None:
    with pytest.raises(RunFailed, match=r"produced a black picture\. Try another"):
        to_image(torch.full((1, 3, 8, 8), value))


def test_a_picture_with_one_dot_is_one() -> None:
    pixels = torch.full((1, 3, 8, 8), -1.0)
    pixels[0, 2, 7, 7] = -0.99
    assert to_image(pixels).getbbox() == (7, 7, 8, 8)
