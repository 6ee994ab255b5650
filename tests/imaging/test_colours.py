"""Unusual but honest pictures: every depth, palette, ink and frame has one exact outcome."""

import struct
from pathlib import Path

import pytest
from PIL import Image
from tests.imaging.asking import Colour, at, corners, decoded, is_near
from tests.imaging.hostile import gif, with_chunks
from tests.imaging.pictures import (
    BLUE,
    GREEN,
    RED,
    WHITE,
    chunk,
    cmyk_jpeg,
    encoded,
    interlaced,
    png,
    quarters,
    swapped_profile,
)

from darkroom.imaging.pool import DecoderPool

pytestmark = pytest.mark.asyncio(loop_scope="module")

GREY, RGB, GREY_ALPHA, RGBA = 0, 2, 4, 6
BLACK = (0, 0, 0)


def deep(colour: int, *samples: int, clear: tuple[int, ...] = ()) -> bytes:
    """An 8 x 8 PNG of one colour with 16 bits a sample."""
    row = b"\0" + struct.pack(f">{len(samples)}H", *samples) * 8
    data = png(8, 8, depth=16, colour=colour, rows=row * 8)
    return with_chunks(data, *_transparent(clear))


def shallow(depth: int, sample: int, *, clear: tuple[int, ...] = ()) -> bytes:
    """An 8 x 8 grey PNG of one sample with 1, 2 or 4 bits."""
    byte = sum(sample << shift for shift in range(0, 8, depth))
    data = png(8, 8, depth=depth, colour=GREY, rows=(b"\0" + bytes([byte]) * depth) * 8)
    return with_chunks(data, *_transparent(clear))


def _transparent(samples: tuple[int, ...]) -> list[bytes]:
    return [chunk(b"tRNS", struct.pack(f">{len(samples)}H", *samples))] if samples else []


DEPTHS: dict[str, tuple[bytes, Colour]] = {
    "grey 16": (deep(GREY, 0x12FF), (0x12,) * 3),
    "grey 16, white": (deep(GREY, 0xFFFF), WHITE),
    "grey 16, black": (deep(GREY, 0x00FF), BLACK),
    "grey 16, transparent": (deep(GREY, 0x1234, clear=(0x1234,)), WHITE),
    "grey 16, another transparent": (deep(GREY, 0x1234, clear=(0x9900,)), (0x12,) * 3),
    "RGB 16": (deep(RGB, 0x1234, 0x56FF, 0x9A00), (0x12, 0x56, 0x9A)),
    "RGB 16, transparent": (
        deep(RGB, 0x1234, 0x56FF, 0x9A00, clear=(0x1234, 0x56FF, 0x9A00)),
        WHITE,
    ),
    "RGB 16, another transparent": (
        deep(RGB, 0x1234, 0x56FF, 0x9A00, clear=(0x1234, 0x56FF, 0)),
        (0x12, 0x56, 0x9A),
    ),
    "grey 16 with alpha": (deep(GREY_ALPHA, 0x4000, 0x8000), (159,) * 3),
    "RGBA 16": (deep(RGBA, 0xFF00, 0, 0, 0x8000), (255, 127, 127)),
    "1 bit, white": (shallow(1, 1), WHITE),
    "1 bit, black": (shallow(1, 0), BLACK),
    "1 bit, black is transparent": (shallow(1, 0, clear=(0,)), WHITE),
    "1 bit, white is transparent": (shallow(1, 0, clear=(1,)), BLACK),
    "2 bits": (shallow(2, 1), (85,) * 3),
    "2 bits, transparent": (shallow(2, 1, clear=(1,)), WHITE),
    "2 bits, another transparent": (shallow(2, 1, clear=(2,)), (85,) * 3),
    "4 bits": (shallow(4, 7), (119,) * 3),
    "4 bits, transparent": (shallow(4, 7, clear=(7,)), WHITE),
    "8 bits grey": (encoded(Image.new("L", (8, 8), 77), "PNG"), (77,) * 3),
    "8 bits RGB, transparent": (
        with_chunks(encoded(Image.new("RGB", (8, 8), (1, 2, 3)), "PNG"), *_transparent((1, 2, 3))),
        WHITE,
    ),
}


@pytest.mark.parametrize(("data", "colour"), DEPTHS.values(), ids=DEPTHS.keys())
async def test_every_depth_becomes_eight_bits(
    usual: DecoderPool, tmp_path: Path, data: bytes, colour: Colour
) -> None:
    assert corners(await decoded(usual, data, tmp_path / "p")) == [colour] * 4


async def test_sixteen_bits_are_scaled_not_clipped(usual: DecoderPool, tmp_path: Path) -> None:
    row = b"\0" + b"".join((value << 8).to_bytes(2) for value in range(0, 256, 16))
    data = png(16, 8, depth=16, colour=GREY, rows=row * 8)
    picture = await decoded(usual, data, tmp_path / "p")
    assert [at(picture, (x, 0)) for x in range(16)] == [(value,) * 3 for value in range(0, 256, 16)]


def with_profile(picture: Image.Image, form: str) -> bytes:
    """*picture* with a profile for RGB in which red and green have changed places."""
    return encoded(picture, form, icc_profile=swapped_profile())


INKS: dict[str, tuple[bytes, Colour]] = {
    "no ink": (cmyk_jpeg((0, 0, 0, 0)), WHITE),
    "black alone": (cmyk_jpeg((0, 0, 0, 255)), BLACK),
    "cyan": (cmyk_jpeg((255, 0, 0, 0)), (0, 255, 255)),
    "magenta and yellow": (cmyk_jpeg((0, 255, 255, 0)), RED),
    "half black": (cmyk_jpeg((0, 0, 0, 128)), (127, 127, 127)),
    "without Adobe's marker": (cmyk_jpeg((0, 255, 255, 0), adobe=None), RED),
    # Stored as Y 255, Cb 0, Cr 0: by ITU T.871's formulas R 75, G 255, B 28, inverted.
    "YCCK": (cmyk_jpeg((0, 255, 255, 0), adobe=2), (180, 0, 227)),
    "grey": (encoded(Image.new("L", (16, 16), 77), "JPEG", quality=100), (77,) * 3),
    "RGB as it is": (
        encoded(Image.new("RGB", (16, 16), (200, 30, 30)), "JPEG", quality=100, keep_rgb=True),
        (200, 30, 30),
    ),
    "a profile for other inks": (
        encoded(
            Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "JPEG", icc_profile=swapped_profile()
        ),
        RED,
    ),
    "a profile for other channels": (
        with_profile(Image.new("L", (16, 16), 77), "PNG"),
        (77,) * 3,
    ),
    "a profile of a palette": (
        encoded(
            Image.new("RGB", (16, 16), (200, 30, 30)).quantize(4),
            "PNG",
            icc_profile=swapped_profile(),
        ),
        (30, 200, 30),
    ),
}


@pytest.mark.parametrize(("data", "colour"), INKS.values(), ids=INKS.keys())
async def test_every_colour_space_becomes_srgb(
    usual: DecoderPool, tmp_path: Path, data: bytes, colour: Colour
) -> None:
    assert is_near(corners(await decoded(usual, data, tmp_path / "p")), [colour] * 4, by=3)


def three_colours() -> Image.Image:
    picture = Image.new("P", (8, 8))
    picture.putpalette([*RED, *GREEN, *BLUE])
    picture.putpixel((1, 0), 1)
    picture.putpixel((2, 0), 2)
    return picture


@pytest.mark.parametrize(
    ("form", "transparency", "wanted"),
    [
        ("PNG", None, [RED, GREEN, BLUE]),
        ("PNG", 0, [WHITE, GREEN, BLUE]),
        ("PNG", bytes((0, 128, 255)), [WHITE, (127, 255, 127), BLUE]),
        ("PNG", bytes((0,)), [WHITE, GREEN, BLUE]),
        ("GIF", None, [RED, GREEN, BLUE]),
        ("GIF", 0, [WHITE, GREEN, BLUE]),
        ("GIF", 2, [RED, GREEN, WHITE]),
    ],
)
async def test_a_palette_keeps_its_colours_and_what_is_clear_is_white(
    usual: DecoderPool, tmp_path: Path, form: str, transparency: object, wanted: list[Colour]
) -> None:
    options = {} if transparency is None else {"transparency": transparency}
    picture = await decoded(usual, encoded(three_colours(), form, **options), tmp_path / "p")
    assert [at(picture, (x, 0)) for x in range(3)] == wanted


async def test_what_a_palette_lacks_is_black(usual: DecoderPool, tmp_path: Path) -> None:
    data = encoded(three_colours(), "PNG", bits=8)
    end = data.index(b"PLTE") - 4
    short = data[:end] + chunk(b"PLTE", bytes(RED)) + data[end + 12 + 3 * 3 :]
    picture = await decoded(usual, short, tmp_path / "p")
    assert [at(picture, (x, 0)) for x in range(3)] == [RED, BLACK, BLACK]


@pytest.mark.parametrize("size", [(8, 8), (33, 17), (9, 40)])
async def test_an_interlaced_png_is_put_together(
    usual: DecoderPool, tmp_path: Path, size: tuple[int, int]
) -> None:
    wanted = Image.effect_noise(size, 80).convert("RGB")
    picture = await decoded(usual, interlaced(wanted), tmp_path / "p")
    assert picture.tobytes() == wanted.tobytes()


async def test_an_interlaced_gif_is_put_together(usual: DecoderPool, tmp_path: Path) -> None:
    wanted = quarters((40, 40))
    picture = await decoded(usual, encoded(wanted, "GIF", interlace=1), tmp_path / "p")
    assert picture.tobytes() == wanted.tobytes()


@pytest.mark.parametrize("form", ["JPEG", "WEBP"])
async def test_every_format_with_exif_is_turned_upright(
    usual: DecoderPool, tmp_path: Path, form: str
) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    options = {"lossless": True} if form == "WEBP" else {"quality": 95, "subsampling": 0}
    picture = await decoded(usual, encoded(quarters(), form, exif=exif, **options), tmp_path / "p")
    assert picture.size == (16, 32)
    assert is_near(corners(picture), [BLUE, RED, WHITE, GREEN], by=4)


FRAMES = [Image.new("RGB", (16, 16), colour) for colour in (BLUE, RED, GREEN)]


@pytest.mark.parametrize(
    ("form", "options"),
    [
        ("GIF", {}),
        ("GIF", {"disposal": 2}),
        ("WEBP", {"lossless": True}),
        ("PNG", {}),
        ("PNG", {"default_image": True}),
        ("MPO", {"quality": 100}),
    ],
    ids=["GIF", "GIF that clears", "WebP", "APNG", "APNG with a picture of its own", "two JPEGs"],
)
async def test_of_an_animation_the_first_frame_counts(
    usual: DecoderPool, tmp_path: Path, form: str, options: dict[str, object]
) -> None:
    data = encoded(FRAMES[0], form, save_all=True, append_images=FRAMES[1:], **options)
    assert is_near(corners(await decoded(usual, data, tmp_path / "p")), [BLUE] * 4, by=2)


async def test_a_frame_smaller_than_its_screen_keeps_its_place(
    usual: DecoderPool, tmp_path: Path
) -> None:
    picture = await decoded(usual, gif((16, 16), (4, 5, 1, 1)), tmp_path / "p")
    assert corners(picture) == [WHITE] * 4
    assert at(picture, (4, 5)) == RED
