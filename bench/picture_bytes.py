"""Pictures to send: real PNGs of a wanted size, made without an image library."""

import base64
import random
import struct
import zlib

SMALL_BYTES = 10_000
BIG_BYTES = 200_000


def noise_png(size_bytes: int) -> bytes:
    """A square RGB picture of noise, which does not compress, of about *size_bytes*."""
    side = int((size_bytes / 3) ** 0.5)
    noise = random.Random(7)
    rows = b"".join(b"\0" + noise.randbytes(3 * side) for _ in range(side))
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows, 0)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def data_url(picture: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(picture).decode()


def from_data_url(url: str) -> bytes:
    return base64.b64decode(url.partition(",")[2])
