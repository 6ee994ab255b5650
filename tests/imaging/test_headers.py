"""Format and size are read from the bytes, for whatever Pillow can write."""

import pytest
from PIL import Image
from tests.imaging.pictures import encoded, quarters

from darkroom.imaging.headers import Header, is_whole, read_header


@pytest.mark.parametrize(
    ("form", "options"),
    [
        ("PNG", {}),
        ("GIF", {}),
        ("JPEG", {}),
        ("JPEG", {"progressive": True, "comment": b"\xff\xc0 not a frame"}),
        ("WEBP", {}),
        ("WEBP", {"lossless": True}),
        ("WEBP", {"exif": b"Exif\0\0"}),
    ],
)
def test_the_size_is_read_from_the_header(form: str, options: dict[str, object]) -> None:
    data = encoded(quarters((321, 45)), form, **options)
    assert read_header(data) == Header(form, 321, 45)  # pyright: ignore[reportArgumentType]  # a Format
    assert is_whole(data, form)  # pyright: ignore[reportArgumentType]  # a Format


@pytest.mark.parametrize("form", ["PNG", "GIF", "JPEG", "WEBP"])
def test_a_file_cut_in_half_is_not_whole(form: str) -> None:
    data = encoded(Image.effect_noise((64, 64), 90).convert("RGB"), form)
    assert not is_whole(data[: len(data) // 2], form)  # pyright: ignore[reportArgumentType]  # a Format


@pytest.mark.parametrize("form", ["PNG", "GIF", "JPEG", "WEBP"])
def test_no_beginning_of_a_file_is_too_short_to_be_read(form: str) -> None:
    data = encoded(quarters(), form)
    for end in range(min(len(data), 64)):
        header = read_header(data[:end])
        assert header is None or header.format == form


@pytest.mark.parametrize("form", ["BMP", "TIFF", "PPM", "ICO", "PDF", "EPS"])
def test_other_formats_are_none(form: str) -> None:
    assert read_header(encoded(quarters(), form)) is None
