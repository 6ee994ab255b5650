"""Files that ask for far more than they are: refused early, or decoded within the limits."""

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from tests.imaging.asking import (
    CUT_SHORT,
    DAMAGED,
    TOO_GREEDY,
    at,
    corners,
    decoded,
    refusal,
)
from tests.imaging.hostile import (
    animation,
    canvas_of_webp,
    claiming,
    gif,
    many_scans,
    many_texts,
    overfull_rows,
    text_bomb,
    with_chunks,
)
from tests.imaging.pictures import BLUE, RED, chunk, encoded, png, quarters

from darkroom.imaging.pool import DecoderPool

pytestmark = pytest.mark.asyncio(loop_scope="module")


def too_many(width: int, height: int) -> str:
    return f"the picture has {width} x {height} pixels; at most 50,000,000 pixels are allowed"


@pytest.mark.parametrize(
    ("form", "side"),
    [
        ("PNG", 12_000),
        ("PNG", 60_000),
        ("PNG", 2**31 - 1),
        ("PNG", 2**32 - 1),
        ("GIF", 12_000),
        ("GIF", 65_535),
        ("JPEG", 12_000),
        ("JPEG", 65_535),
        ("WEBP", 16_384),
    ],
)
async def test_a_claim_is_refused_from_the_header(
    usual: DecoderPool, tmp_path: Path, form: str, side: int
) -> None:
    bomb = claiming(form, side, side)
    assert len(bomb) < 1000
    assert await refusal(usual, bomb, tmp_path / "p") == too_many(side, side)


async def test_the_canvas_of_an_extended_webp_counts(usual: DecoderPool, tmp_path: Path) -> None:
    bomb = canvas_of_webp(2**24, 2**24)
    assert await refusal(usual, bomb, tmp_path / "p") == too_many(2**24, 2**24)


async def test_one_pixel_too_many_is_refused(usual: DecoderPool, tmp_path: Path) -> None:
    data = encoded(Image.new("L", (10_001, 5000)), "JPEG")
    assert await refusal(usual, data, tmp_path / "p") == too_many(10_001, 5000)


async def test_a_whole_bomb_is_refused_from_its_header(usual: DecoderPool, tmp_path: Path) -> None:
    bomb = encoded(Image.new("1", (12_000, 12_000)), "PNG", optimize=False)
    assert len(bomb) < 500_000
    assert await refusal(usual, bomb, tmp_path / "p") == too_many(12_000, 12_000)


BOMBS: dict[str, tuple[Callable[[], bytes], str]] = {
    "a frame beyond its screen": (lambda: gif((8, 8), (0, 0, 65_535, 65_535)), TOO_GREEDY),
    "a frame far off its screen": (lambda: gif((8, 8), (60_000, 60_000, 8, 8)), TOO_GREEDY),
    "a frame of no size": (lambda: gif((16, 16), (0, 0, 0, 0)), DAMAGED),
    "a canvas larger than its picture": (lambda: canvas_of_webp(17, 17), DAMAGED),
    "rows that are not there": (lambda: claiming("PNG", 7000, 7000), DAMAGED),
    "a WebP that is not there": (lambda: claiming("WEBP", 7000, 7000), DAMAGED),
    "a packed text": (lambda: text_bomb(b"zTXt", 200_000_000), DAMAGED),
    "a packed text in Unicode": (lambda: text_bomb(b"iTXt", 200_000_000), DAMAGED),
    "a packed profile": (lambda: text_bomb(b"iCCP", 200_000_000), DAMAGED),
    "many packed texts": (lambda: many_texts(100, 1_000_000), DAMAGED),
    "scans without end": (lambda: many_scans(7000, 600), TOO_GREEDY),
    "a chunk longer than the file": (
        lambda: encoded(quarters(), "PNG")[:33] + b"\x7f\xff\xff\xffzTXt" + bytes(100),
        CUT_SHORT,
    ),
    "a chunk of negative size": (
        lambda: encoded(quarters(), "PNG")[:33] + b"\xff\xff\xff\xffIDAT" + bytes(100) + b"IEND",
        DAMAGED,
    ),
    "a wrong checksum": (lambda: encoded(quarters(), "PNG").replace(b"IDAT", b"IDAX"), DAMAGED),
    "a depth that does not exist": (
        lambda: png(16, 16, depth=7, colour=2, rows=bytes(800)),
        DAMAGED,
    ),
    "a filter that does not exist": (
        lambda: png(16, 16, depth=8, colour=0, rows=b"\x09" * 272),
        DAMAGED,
    ),
    "a JPEG without tables": (
        lambda: encoded(quarters(), "JPEG").replace(b"\xff\xdb", b"\xff\xfe"),
        DAMAGED,
    ),
    "a JPEG of the lossless kind": (
        lambda: encoded(quarters(), "JPEG").replace(b"\xff\xc0", b"\xff\xc3", 1),
        DAMAGED,
    ),
    "a JPEG of twelve bits": (
        lambda: encoded(quarters(), "JPEG").replace(
            b"\xff\xc0\0\x11\x08", b"\xff\xc1\0\x11\x0c", 1
        ),
        DAMAGED,
    ),
}


@pytest.mark.parametrize(("make", "told"), BOMBS.values(), ids=BOMBS.keys())
async def test_a_bomb_is_refused_and_the_next_picture_is_not(
    usual: DecoderPool, tmp_path: Path, make: Callable[[], bytes], told: str
) -> None:
    bomb = make()
    assert len(bomb) < 500_000
    assert await refusal(usual, bomb, tmp_path / "p") == told
    assert (await decoded(usual, encoded(quarters(), "PNG"), tmp_path / "p")).size == (32, 16)


async def test_rows_beyond_the_last_are_not_unpacked(usual: DecoderPool, tmp_path: Path) -> None:
    assert (await decoded(usual, overfull_rows(), tmp_path / "p")).size == (16, 16)


@pytest.mark.parametrize("damage", [False, True])
async def test_later_frames_are_not_looked_at(
    usual: DecoderPool, tmp_path: Path, *, damage: bool
) -> None:
    data = animation(300 if not damage else 3, damage=damage)
    assert corners(await decoded(usual, data, tmp_path / "p")) == [BLUE] * 4


async def test_a_greedy_but_legal_picture_lives_within_the_limits(
    usual: DecoderPool, tmp_path: Path
) -> None:
    data = encoded(Image.new("P", (7000, 7000)), "GIF")
    assert len(data) < 200_000
    assert (await decoded(usual, data, tmp_path / "p")).size == (7000, 7000)


@pytest.mark.parametrize("form", ["GIF", "JPEG"])
async def test_a_claim_within_the_limits_gets_no_more_than_it_brings(
    usual: DecoderPool, tmp_path: Path, form: str
) -> None:
    picture = await decoded(usual, claiming(form, 5000, 5000), tmp_path / "p")
    assert picture.size == (5000, 5000)
    assert len(set(picture.crop((2500, 2500, 5000, 5000)).get_flattened_data())) == 1


async def test_a_second_header_changes_nothing(usual: DecoderPool, tmp_path: Path) -> None:
    head = png(60_000, 60_000, depth=8, colour=2, rows=b"")[8:33]
    data = with_chunks(encoded(Image.new("RGB", (16, 16), RED), "PNG"), head)
    told = await refusal(usual, data, tmp_path / "p")
    assert told == TOO_GREEDY


async def test_a_preview_inside_is_not_the_picture(usual: DecoderPool, tmp_path: Path) -> None:
    preview = claiming("JPEG", 65_535, 65_535)
    data = encoded(Image.new("RGB", (16, 16), BLUE), "JPEG", comment=preview, quality=100)
    assert at(await decoded(usual, data, tmp_path / "p"), (8, 8)) == (0, 0, 254)


async def test_a_private_chunk_of_size_is_skipped(usual: DecoderPool, tmp_path: Path) -> None:
    data = with_chunks(encoded(quarters(), "PNG"), chunk(b"prVt", bytes(5_000_000)))
    assert (await decoded(usual, data, tmp_path / "p")).size == (32, 16)
