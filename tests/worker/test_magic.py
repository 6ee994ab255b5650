"""Files are told apart by their first bytes."""

import pytest

from darkroom.domain.errors import InputUnusable
from darkroom.worker.magic import picture_type, require_picture


@pytest.mark.parametrize(
    ("head", "content_type"),
    [
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"GIF87a", "image/gif"),
        (b"GIF89a", "image/gif"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "image/webp"),
    ],
)
def test_the_four_pictures_are_known(head: bytes, content_type: str) -> None:
    assert picture_type(head + bytes(100)) == content_type
    require_picture(head)


@pytest.mark.parametrize(
    ("head", "words"),
    [
        (b"", "an empty file"),
        (b"BM\0\0", "a BMP picture"),
        (b"II*\0", "a TIFF picture"),
        (b"MM\0*", "a TIFF picture"),
        (b"RIFF\0\0\0\0WAVE", "not a picture we know"),
        (b"\0\0\0\x18ftypheic", "a HEIC or AVIF picture, or a video"),
        (b"\xef\xbb\xbf <svg xmlns=''>", "an SVG picture"),
        (b"<?xml version='1.0'?><svg>", "an SVG picture"),
        (b"\n<!DOCTYPE html><html>", "an HTML page"),
        (b'{"error": 1}', "a JSON document"),
        (b"%PDF-1.7", "a PDF document"),
        (b"\x89PNG", "not a picture we know"),
    ],
)
def test_anything_else_is_refused_by_what_it_seems_to_be(head: bytes, words: str) -> None:
    assert picture_type(head) is None
    with pytest.raises(InputUnusable) as told:
        require_picture(head)
    assert str(told.value) == f"this is {words}; send a JPEG, PNG, GIF or WebP"
