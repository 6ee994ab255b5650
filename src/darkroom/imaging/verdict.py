"""What a decoding child may say, and how the parent says it to a user.

A child that a picture has taken over can choose among these numbers and nothing else: no text
of its own reaches a user or a log.
"""

import struct
from collections.abc import Mapping
from enum import IntEnum, unique

REPLY = struct.Struct(">BQQ")
"""A verdict, width and height in pixels (0 where unknown)."""

READY = b"R"
GO = b"G"

SMALLEST_SIDE = 8
LARGEST_SIDE = 16_384


@unique
class Verdict(IntEnum):
    """The outcome of one decoding."""

    DECODED = 0
    NOT_A_PICTURE = 1
    CUT_SHORT = 2
    DAMAGED = 3
    TOO_MANY_PIXELS = 4
    TOO_LONG_SIDE = 5
    TOO_SMALL = 6
    TOO_GREEDY = 7


def sentence(verdict: Verdict, width: int, height: int, most: int) -> str:
    """Tell a user why there are no pixels.

    Args:
        verdict: anything but `DECODED`.
        width: in pixels, 0 where unknown.
        height: in pixels, 0 where unknown.
        most: how many pixels are allowed.
    """
    return _SENTENCES[verdict].format(
        width=width, height=height, most=most, longest=LARGEST_SIDE, shortest=SMALLEST_SIDE
    )


_NOT_A_PICTURE = "the file is not a JPEG, PNG, GIF or WebP picture"
_SENTENCES: Mapping[Verdict, str] = {
    Verdict.DECODED: _NOT_A_PICTURE,
    Verdict.NOT_A_PICTURE: _NOT_A_PICTURE,
    Verdict.CUT_SHORT: "the picture is cut short: its end is missing",
    Verdict.DAMAGED: "the picture is damaged and cannot be decoded",
    Verdict.TOO_MANY_PIXELS: (
        "the picture has {width} x {height} pixels; at most {most:,} pixels are allowed"
    ),
    Verdict.TOO_LONG_SIDE: (
        "the picture has {width} x {height} pixels; a side may be at most {longest} pixels long"
    ),
    Verdict.TOO_SMALL: (
        "the picture has {width} x {height} pixels;"
        " each side must be at least {shortest} pixels long"
    ),
    Verdict.TOO_GREEDY: "the picture needs more memory or time to decode than is allowed",
}
