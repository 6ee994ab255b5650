"""Hostile and friendly pictures through real children."""

import asyncio
import os
import signal
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image
from tests.imaging.asking import corners, decoded, is_near, refusal
from tests.imaging.pictures import (
    BLUE,
    GREEN,
    RED,
    WHITE,
    encoded,
    quarters,
    swapped_profile,
)
from tests.support.processes import command_line

from darkroom.imaging.pool import DecoderPool, Limits


@pytest.mark.parametrize("times", [0.5, 1.0, 3.0])
def test_what_a_decoding_may_take_grows_with_the_pixels_allowed(times: float) -> None:
    usual = Limits()
    limits = Limits.for_pixels(int(usual.max_pixels * times))
    assert limits.max_pixels == usual.max_pixels * times
    more = max(1.0, times)
    assert limits.memory_bytes == usual.memory_bytes * more
    assert limits.cpu_seconds == usual.cpu_seconds * more
    assert limits.wall_seconds == usual.wall_seconds * more


@pytest.mark.slow
async def test_a_picture_beyond_the_usual_is_decoded_where_it_is_allowed(
    tmp_path: Path,
) -> None:
    large = Image.new("RGB", (15_000, 10_000), (10, 20, 30))
    turned = Image.Exif()
    turned[0x0112] = 6
    file = BytesIO()
    large.save(file, "PNG", compress_level=1, exif=turned)
    async with DecoderPool(max_pixels=150_000_000, processes=1) as pool:
        pixels = await pool.decode(file.getvalue(), tmp_path / "large")
    assert (pixels.width, pixels.height) == (10_000, 15_000)


@pytest.mark.parametrize(
    ("form", "options", "by"),
    [
        ("PNG", {}, 0),
        ("GIF", {}, 0),
        ("WEBP", {"lossless": True}, 0),
        ("WEBP", {"quality": 95}, 40),
        ("JPEG", {"quality": 95, "subsampling": 0}, 4),
        ("JPEG", {"progressive": True, "subsampling": 0}, 8),
    ],
)
async def test_the_four_formats_become_rgb_rows(
    pool: DecoderPool, tmp_path: Path, form: str, options: dict[str, object], by: int
) -> None:
    data = encoded(quarters(), form, **options)
    picture = await decoded(pool, data, tmp_path / "p")
    assert picture.size == (32, 16)
    assert is_near(corners(picture), [RED, GREEN, BLUE, WHITE], by)


@pytest.mark.parametrize(
    ("orientation", "wanted"),
    [
        (1, [RED, GREEN, BLUE, WHITE]),
        (2, [GREEN, RED, WHITE, BLUE]),
        (3, [WHITE, BLUE, GREEN, RED]),
        (4, [BLUE, WHITE, RED, GREEN]),
        (5, [RED, BLUE, GREEN, WHITE]),
        (6, [BLUE, RED, WHITE, GREEN]),
        (7, [WHITE, GREEN, BLUE, RED]),
        (8, [GREEN, WHITE, RED, BLUE]),
        (99, [RED, GREEN, BLUE, WHITE]),
    ],
)
async def test_a_picture_is_turned_upright(
    pool: DecoderPool, tmp_path: Path, orientation: int, wanted: list[tuple[int, ...]]
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(quarters(), "PNG", exif=exif)
    picture = await decoded(pool, data, tmp_path / "p")
    assert picture.size == ((16, 32) if 5 <= orientation <= 8 else (32, 16))
    assert corners(picture) == wanted


async def test_broken_exif_does_not_matter(pool: DecoderPool, tmp_path: Path) -> None:
    data = encoded(quarters(), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    assert (await decoded(pool, data, tmp_path / "p")).size == (32, 16)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
async def test_what_is_transparent_becomes_white(
    pool: DecoderPool, tmp_path: Path, mode: str
) -> None:
    picture = Image.new("RGBA", (16, 16), (0, 0, 0, 255))
    picture.paste((0, 0, 0, 0), (0, 0, 8, 16))
    if mode == "P":
        data = encoded(picture.quantize(), "PNG")
    else:
        data = encoded(picture.convert(mode), "PNG")
    flat = await decoded(pool, data, tmp_path / "p")
    assert corners(flat) == [WHITE, (0, 0, 0), WHITE, (0, 0, 0)]


async def test_half_transparent_red_is_pink(pool: DecoderPool, tmp_path: Path) -> None:
    data = encoded(Image.new("RGBA", (8, 8), (255, 0, 0, 128)), "WEBP", lossless=True)
    assert corners(await decoded(pool, data, tmp_path / "p"))[0] == (255, 127, 127)


async def test_grey_with_a_transparent_value_is_put_on_white(
    pool: DecoderPool, tmp_path: Path
) -> None:
    data = encoded(Image.new("L", (8, 8), 7), "PNG", transparency=7)
    assert corners(await decoded(pool, data, tmp_path / "p"))[0] == WHITE


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
async def test_colours_are_converted_to_srgb(pool: DecoderPool, tmp_path: Path, mode: str) -> None:
    picture = Image.new("RGB", (16, 16), (200, 30, 30)).convert(mode)
    data = encoded(picture, "PNG", icc_profile=swapped_profile())
    assert is_near(corners(await decoded(pool, data, tmp_path / "p")), [(30, 200, 30)] * 4, 3)


async def test_a_broken_colour_profile_is_as_good_as_none(
    pool: DecoderPool, tmp_path: Path
) -> None:
    data = encoded(Image.new("RGB", (16, 16), RED), "PNG", icc_profile=b"nonsense")
    assert corners(await decoded(pool, data, tmp_path / "p")) == [RED] * 4


@pytest.mark.parametrize("form", ["PNG", "GIF", "JPEG", "WEBP"])
async def test_a_picture_cut_short_is_refused(pool: DecoderPool, tmp_path: Path, form: str) -> None:
    data = encoded(Image.effect_noise((64, 64), 90).convert("RGB"), form)
    for part in (len(data) // 2, len(data) - 200, 40):
        assert "the picture is cut short" in await refusal(pool, data[:part], tmp_path / "p")


async def test_a_damaged_picture_is_refused(pool: DecoderPool, tmp_path: Path) -> None:
    data = bytearray(encoded(Image.effect_noise((64, 64), 90), "PNG"))
    data[200:300] = bytes(100)
    assert "damaged" in await refusal(pool, bytes(data), tmp_path / "p")


async def test_a_picture_at_the_limit_is_taken(pool: DecoderPool, tmp_path: Path) -> None:
    data = encoded(Image.new("RGB", (1000, 1000), BLUE), "PNG")
    assert corners(await decoded(pool, data, tmp_path / "p")) == [BLUE] * 4


@pytest.mark.parametrize(
    ("size", "told"), [((7, 64), "at least 8"), ((17_000, 8), "at most 16384")]
)
async def test_sides_have_limits(
    pool: DecoderPool, tmp_path: Path, size: tuple[int, int], told: str
) -> None:
    assert told in await refusal(pool, encoded(Image.new("L", size), "PNG"), tmp_path / "p")


async def test_memory_is_limited(tmp_path: Path) -> None:
    limits = Limits(max_pixels=50_000_000, memory_bytes=150 * 2**20)
    data = encoded(Image.new("RGB", (6000, 6000)), "PNG", compress_level=1)
    async with DecoderPool(limits=limits, processes=1) as pool:
        assert "memory or time" in await refusal(pool, data, tmp_path / "p")
        small = encoded(quarters(), "PNG")
        assert (await pool.decode(small, tmp_path / "p")).width == 32


async def test_time_is_limited(tmp_path: Path) -> None:
    data = encoded(Image.new("RGB", (6000, 6000)), "PNG", compress_level=1)
    async with DecoderPool(limits=Limits(wall_seconds=0.02), processes=1) as pool:
        assert "memory or time" in await refusal(pool, data, tmp_path / "p")


def children() -> list[int]:
    """Decoders below this process; other tests have children of their own."""
    text = Path(f"/proc/self/task/{os.getpid()}/children").read_text("ascii")
    return [pid for pid in map(int, text.split()) if "imaging.decoder" in command_line(pid)]


async def test_a_child_that_dies_waiting_is_replaced(pool: DecoderPool, tmp_path: Path) -> None:
    data = encoded(quarters(), "PNG")
    await pool.decode(data, tmp_path / "p")
    for child in children():
        os.kill(child, signal.SIGKILL)
    for _ in range(3):
        assert (await pool.decode(data, tmp_path / "p")).width == 32


async def test_no_child_outlives_the_pool(tmp_path: Path) -> None:
    before = set(children())
    async with DecoderPool() as pool:
        await pool.decode(encoded(quarters(), "PNG"), tmp_path / "p")
        assert set(children()) - before
    assert set(children()) == before


async def test_pictures_are_decoded_side_by_side(tmp_path: Path) -> None:
    data = encoded(quarters(), "PNG")
    async with DecoderPool() as pool:
        found = await asyncio.gather(*(pool.decode(data, tmp_path / str(n)) for n in range(6)))
    assert [one.width for one in found] == [32] * 6


async def test_a_cancelled_decoding_leaves_nothing(pool: DecoderPool, tmp_path: Path) -> None:
    data = encoded(Image.new("RGB", (1000, 1000)), "PNG")
    waiting = asyncio.create_task(pool.decode(data, tmp_path / "p"))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert not (tmp_path / "p").exists()
    assert (await pool.decode(data, tmp_path / "q")).width == 1000
