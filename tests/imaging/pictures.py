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


_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2))


def interlaced(picture: Image.Image) -> bytes:
    """*picture* as an interlaced RGB PNG, which Pillow reads and does not write.

    Source: PNG 8.2, the seven passes of Adam7.
    """
    rows = b""
    for left, top, across, down in (*_ADAM7, (0, 1, 1, 2)):
        for y in range(top, picture.height, down):
            row = [picture.getpixel((x, y)) for x in range(left, picture.width, across)]
            rows += b"\0" + bytes(part for one in row if isinstance(one, tuple) for part in one)
    head = struct.pack(">IIBBBBB", *picture.size, 8, 2, 0, 0, 1)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def cmyk_jpeg(ink: tuple[int, int, int, int], *, adobe: int | None = 0) -> bytes:
    """A JPEG of one colour in four inks, stored inverted as Adobe's programs do.

    Args:
        ink: cyan, magenta, yellow, black in 0 to 255.
        adobe: the transform that Adobe's marker tells: 0 for CMYK as it is, 2 for YCCK; None
            leaves the marker out.
    """
    data = bytearray(encoded(Image.new("CMYK", (16, 16), ink), "JPEG", quality=100, subsampling=0))
    begin = data.index(b"Adobe") - 4
    if adobe is None:
        del data[begin : begin + 16]
    else:
        data[begin + 15] = adobe
    return bytes(data)
