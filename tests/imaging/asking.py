"""Asking a pool for a picture, and looking at what came back."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest
from PIL import Image

from darkroom.domain.errors import InputUnusable
from darkroom.imaging.pool import DecoderPool

DAMAGED = "the picture is damaged and cannot be decoded"
CUT_SHORT = "the picture is cut short: its end is missing"
NO_PICTURE = "the file is not a JPEG, PNG, GIF or WebP picture"
TOO_GREEDY = "the picture needs more memory or time to decode than is allowed"

Colour = tuple[int, ...]


async def decoded(pool: DecoderPool, data: bytes, to: Path) -> Image.Image:
    """The picture that *data* becomes."""
    pixels = await pool.decode(data, to)
    assert pixels.path == str(to)
    rows = await asyncio.to_thread(to.read_bytes)
    return Image.frombytes("RGB", (pixels.width, pixels.height), rows)


async def refusal(pool: DecoderPool, data: bytes, to: Path) -> str:
    """What a user is told instead; nothing may be left behind."""
    with pytest.raises(InputUnusable) as refused:
        await pool.decode(data, to)
    assert not await asyncio.to_thread(to.exists)
    return str(refused.value)


def at(picture: Image.Image, place: tuple[int, int]) -> Colour:
    """The colour of one pixel."""
    found = picture.getpixel(place)
    assert isinstance(found, tuple)
    return tuple(found)


def corners(picture: Image.Image) -> list[Colour]:
    """Top left, top right, bottom left, bottom right."""
    right, bottom = picture.width - 1, picture.height - 1
    return [at(picture, place) for place in ((0, 0), (right, 0), (0, bottom), (right, bottom))]


def is_near(found: Sequence[Colour], wanted: Sequence[Colour], by: int) -> bool:
    """Whether every channel differs by at most *by*."""
    pairs = zip(found, wanted, strict=True)
    return all(abs(a - b) <= by for one, two in pairs for a, b in zip(one, two, strict=True))
