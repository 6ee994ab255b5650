"""Files that are something else, or two things at once: the first bytes alone decide."""

from pathlib import Path

import pytest
from PIL import Image
from tests.imaging.asking import NO_PICTURE, corners, decoded, refusal
from tests.imaging.hostile import zip_file
from tests.imaging.pictures import BLUE, chunk, encoded, quarters

from darkroom.imaging.pool import DecoderPool

pytestmark = pytest.mark.asyncio(loop_scope="module")

OTHERS = {
    "SVG": b"<svg xmlns='http://www.w3.org/2000/svg' width='64' height='64'/>",
    "SVG with a declaration": b"<?xml version='1.0'?><svg onload='alert(1)'/>",
    "SVG, packed": b"\x1f\x8b\x08\0" + bytes(100),
    "HTML": b"<!doctype html><script>alert(1)</script>",
    "HTML after spaces": b"\n\n   <html>",
    "script": b"GIF89=1;alert(1)",
    "PDF": b"%PDF-1.7\n1 0 obj\n",
    "EPS": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 64\n(x) run",
    "EPS in DOS's binder": b"\xc5\xd0\xd3\xc6" + bytes(100),
    "PSD": b"8BPS\0\x01" + bytes(6) + b"\0\x03\0\0\0\x40\0\0\0\x40\0\x08\0\x03" + bytes(100),
    "FITS": b"SIMPLE  =                    T" + b" " * 2850,
    "TIFF": encoded(quarters((64, 64)), "TIFF"),
    "TIFF, big": b"MM\0*\0\0\0\x08" + bytes(100),
    "BMP": encoded(quarters((64, 64)), "BMP"),
    "BMP of forty bits": b"BM" + bytes(26) + b"\x28\0" + bytes(100),
    "ICO": encoded(quarters((64, 64)), "ICO"),
    "PPM": encoded(quarters((64, 64)), "PPM"),
    "JPEG 2000": b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(100),
    "JPEG 2000, bare": b"\xff\x4f\xff\x51" + bytes(100),
    "JPEG XL": b"\xff\x0a" + bytes(100),
    "AVIF": b"\0\0\0\x20ftypavif" + bytes(100),
    "HEIC": b"\0\0\0\x20ftypheic" + bytes(100),
    "QOI": b"qoif" + bytes(100),
    "DDS": b"DDS |\0\0\0" + bytes(200),
    "Windows metafile": b"\xd7\xcd\xc6\x9a" + bytes(100),
    "McIdas": b"\0\0\0\0\0\0\0\x04" + bytes(300),
    "film": b"\0\0\0\x18ftypmp42" + bytes(100),
    "sound in RIFF": b"RIFF\x24\0\0\0WAVEfmt " + bytes(100),
    "ZIP": zip_file(),
    "program": b"\x7fELF" + bytes(100),
    "pickle": b"\x80\x04\x95" + bytes(100),
    "weights": b"\x10\0\0\0\0\0\0\0{}",
    "nothing": b"",
    "zeros": bytes(1000),
    "almost PNG": b"\x89PNG\n\x1a\n" + bytes(100),
    "almost GIF": b"GIF88a" + bytes(100),
    "almost JPEG": b"\xff\xd8\x00" + bytes(100),
    "almost WebP": b"RIFF\x24\0\0\0WEBQ" + bytes(100),
    "a picture after a space": b" " + encoded(quarters(), "PNG"),
    "a picture after a mark": b"\xef\xbb\xbf" + encoded(quarters(), "PNG"),
    "a picture in a PDF": b"%PDF-1.7\nstream\n" + encoded(quarters(), "JPEG"),
}


@pytest.mark.parametrize("data", OTHERS.values(), ids=OTHERS.keys())
async def test_what_is_no_picture_is_refused_whatever_it_is_called(
    usual: DecoderPool, tmp_path: Path, data: bytes
) -> None:
    assert await refusal(usual, data, tmp_path / "picture.png") == NO_PICTURE


ALL_BLUE = Image.new("RGB", (16, 16), BLUE)
SCRIPT = b"*/=1;alert(1)//<script>alert(1)</script>"
POLYGLOTS = {
    "JPEG and ZIP": encoded(ALL_BLUE, "JPEG", quality=100, subsampling=0) + zip_file(),
    "JPEG and PDF": encoded(ALL_BLUE, "JPEG", quality=100, subsampling=0, comment=b"%PDF-1.7\n"),
    "JPEG and HTML": encoded(ALL_BLUE, "JPEG", quality=100, subsampling=0, comment=SCRIPT),
    "JPEG and JPEG": encoded(ALL_BLUE, "JPEG", quality=100, subsampling=0)
    + encoded(quarters(), "JPEG"),
    "GIF and script": encoded(ALL_BLUE, "GIF", comment=SCRIPT) + SCRIPT,
    "GIF and ZIP": encoded(ALL_BLUE, "GIF") + zip_file(),
    "PNG and HTML": encoded(ALL_BLUE, "PNG")[:33]
    + chunk(b"tEXt", b"Comment\0" + SCRIPT)
    + encoded(ALL_BLUE, "PNG")[33:],
    "PNG and ZIP": encoded(ALL_BLUE, "PNG") + zip_file(),
    "WebP and ZIP": encoded(ALL_BLUE, "WEBP", lossless=True) + zip_file(),
}


@pytest.mark.parametrize("data", POLYGLOTS.values(), ids=POLYGLOTS.keys())
async def test_of_two_things_at_once_the_pixels_alone_come_out(
    usual: DecoderPool, tmp_path: Path, data: bytes
) -> None:
    picture = await decoded(usual, data, tmp_path / "p")
    assert picture.size == (16, 16)
    assert set(corners(picture)) <= {BLUE, (0, 0, 254)}
    assert b"script" not in picture.tobytes()


async def test_where_and_when_a_picture_was_taken_is_gone(
    usual: DecoderPool, tmp_path: Path
) -> None:
    exif = Image.Exif()
    exif[0x010F] = "maker-of-the-camera"
    exif.get_ifd(0x8825)[2] = (48.0, 8.0, 0.0)
    data = encoded(ALL_BLUE, "JPEG", exif=exif, comment=b"maker-of-the-comment")
    assert b"maker-of-the" in data
    picture = await decoded(usual, data, tmp_path / "p")
    assert (tmp_path / "p").stat().st_size == 16 * 16 * 3  # one look
    assert b"maker-of-the" not in picture.tobytes()
