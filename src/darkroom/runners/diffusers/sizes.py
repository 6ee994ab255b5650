"""How large pictures are: width and height in pixels, everywhere in this order."""

from collections.abc import Mapping
from typing import TypeAlias

Size: TypeAlias = tuple[int, int]

PATCH = 16  # every side of a FLUX picture is a multiple
TINY_DIVISOR = 4  # tiny weights take sizes by a quarter per side
MEGAPIXEL = 1024 * 1024

_LANDSCAPE: Mapping[str, Size] = {
    "21:9": (1568, 672),
    "2:1": (1456, 720),
    "16:9": (1328, 800),
    "3:2": (1248, 832),
    "4:3": (1184, 880),
    "5:4": (1104, 944),
}
_UNNAMED: tuple[Size, ...] = ((1504, 688), (1392, 752))


def _turned(size: Size) -> Size:
    return size[1], size[0]


def _upright(ratio: str) -> str:
    width, height = ratio.split(":")
    return f"{height}:{width}"


SIZES: Mapping[str, Size] = {
    "1:1": (1024, 1024),
    **_LANDSCAPE,
    **{_upright(ratio): _turned(size) for ratio, size in _LANDSCAPE.items()},
}
"""What each `aspect_ratio` comes out as.

Source: github.com/replicate/cog-flux-kontext, predict.py; 2:1 and 1:2 are the nearest sizes of
those the model was trained on.
"""

TRAINED: tuple[Size, ...] = (*SIZES.values(), *_UNNAMED, *map(_turned, _UNNAMED))
"""The 17 sizes that Kontext was trained on."""


def nearest_trained(size: Size) -> Size:
    """The trained size whose ratio of width to height is nearest to that of *size*."""
    ratio = size[0] / size[1]
    return min(TRAINED, key=lambda one: (abs(ratio - one[0] / one[1]), one))


def divided(size: Size, divisor: int) -> Size:
    """Divide both sides; what does not fill a patch is cut off."""
    return floored((size[0] // divisor, size[1] // divisor), PATCH)


def floored(size: Size, multiple: int) -> Size:
    """Cut both sides down to a multiple, but never to nothing."""
    width, height = (max(multiple, side // multiple * multiple) for side in size)
    return width, height


def within(size: Size, area: int) -> Size:
    """The largest size of the same shape that has *area* pixels at most; no side grows."""
    scale = min(1.0, (area / (size[0] * size[1])) ** 0.5)
    width, height = (max(1, int(side * scale)) for side in size)
    return width, height
