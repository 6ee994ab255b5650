"""Pictures for tests, friendly and hostile, made on the spot."""

import struct
import zlib
from io import BytesIO

from PIL import Image, ImageCms

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def quarters(size: tuple[int, int] = (32, 16)) -> Image.Image:
    """Red, green over blue, white: every orientation looks different."""
    picture = Image.new("RGB", (2, 2))
    for at, colour in zip(((0, 0), (1, 0), (0, 1), (1, 1)), (RED, GREEN, BLUE, WHITE), strict=True):
        picture.putpixel(at, colour)
    return picture.resize(size, Image.Resampling.NEAREST)


def encoded(picture: Image.Image, form: str, **options: object) -> bytes:
    """The bytes of *picture* in Pillow's format *form*."""
    held = BytesIO()
    picture.save(held, form, **options)
    return held.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    """One PNG chunk."""
    check = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)


def png(width: int, height: int, *, depth: int, colour: int, rows: bytes) -> bytes:
    """A PNG with a header and rows of one's own choosing.

    Args:
        width: claimed, in pixels.
        height: claimed, in pixels.
        depth: bits a channel.
        colour: 0 grey, 2 RGB, 4 grey and alpha, 6 RGBA.
        rows: filter byte and samples of each row.
    """
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def swapped_profile() -> bytes:
    """A colour profile in which red and green have changed places."""
    srgb = ImageCms.createProfile("sRGB")  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]  # untyped in Pillow
    data = ImageCms.ImageCmsProfile(srgb).tobytes()  # pyright: ignore[reportUnknownArgumentType]  # the same
    renamed = data.replace("sRGB".encode("utf-16-be"), "Swap".encode("utf-16-be"))
    swapped = renamed.replace(b"rXYZ", b"????").replace(b"gXYZ", b"rXYZ")
    return swapped.replace(b"????", b"gXYZ")
