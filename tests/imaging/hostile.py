"""Pictures that are bombs, that lie about themselves, or that are two things at once.

Everything is made on the spot. Each function is one kind of file that once did, or could, make a
decoder misbehave; a new bug gets a new function and a line in the tests that use them.
"""

import struct
import zipfile
import zlib
from io import BytesIO

from PIL import Image
from tests.imaging.pictures import BLUE, chunk, encoded, png, quarters

PNG_HEAD = 33  # signature and IHDR


def with_chunks(data: bytes, *chunks: bytes) -> bytes:
    """A PNG with more chunks right after its header."""
    return data[:PNG_HEAD] + b"".join(chunks) + data[PNG_HEAD:]


def claiming(form: str, width: int, height: int) -> bytes:
    """A small whole file of the format, patched to claim another size."""
    options = {"lossless": True} if form == "WEBP" else {}
    data = bytearray(encoded(quarters((16, 16)), form, **options))
    match form:
        case "PNG":
            return png(width, height, depth=8, colour=2, rows=b"\0" * 49)
        case "GIF":
            data[6:10] = struct.pack("<HH", width, height)
        case "JPEG":
            at = data.index(b"\xff\xc0")
            data[at + 5 : at + 9] = struct.pack(">HH", height, width)
        case "WEBP":
            data[21:25] = struct.pack("<I", (width - 1) | (height - 1) << 14)
        case _:
            raise ValueError(form)
    return bytes(data)


def canvas_of_webp(width: int, height: int) -> bytes:
    """An extended WebP that claims a canvas, with a picture of 16 x 16 in it."""
    inner = encoded(quarters((16, 16)), "WEBP", lossless=True)[12:]
    head = (
        struct.pack("<I", 0) + struct.pack("<I", width - 1)[:3] + struct.pack("<I", height - 1)[:3]
    )
    body = b"WEBPVP8X" + struct.pack("<I", 10) + head + inner
    return b"RIFF" + struct.pack("<I", len(body)) + body


def gif(screen: tuple[int, int], frame: tuple[int, int, int, int]) -> bytes:
    """A GIF whose screen and only frame (left, top, width, height) are claimed apart."""
    palette = bytes((255, 255, 255, 255, 0, 0))
    head = b"GIF89a" + struct.pack("<HHBBB", *screen, 0x80, 0, 0) + palette
    data = bytes((2, 2, 0x4C, 0x01, 0))  # code size, a block of two: clear, one pixel of 1, end
    return head + b"\x2c" + struct.pack("<HHHHB", *frame, 0) + data + b"\x3b"


def animation(frames: int, *, damage: bool = False) -> bytes:
    """A GIF whose first frame is blue and the rest are noise, or nonsense with *damage*."""
    first = Image.new("RGB", (64, 64), BLUE)
    rest = [Image.effect_noise((64, 64), 60 + n % 40).convert("RGB") for n in range(frames - 1)]
    data = encoded(first, "GIF", save_all=True, append_images=rest, duration=20)
    if not damage:
        return data
    half = len(encoded(first, "GIF")) + 200
    return data[:half] + bytes(1000)


def many_scans(side: int, scans: int) -> bytes:
    """A progressive JPEG that refines the same nothing again and again.

    Source: ITU T.81 G.1.2.3; an end of band run covers 32,767 blocks in a few bytes.
    """
    data = encoded(Image.new("L", (side, side), 128), "JPEG", progressive=True)
    starts = [at for at in range(len(data) - 1) if data[at : at + 2] == b"\xff\xda"]
    tables = data.rindex(b"\xff\xc4", 0, starts[-1])
    last = data[tables:-2]
    return data[:-2] + last * scans + data[-2:]


def text_bomb(kind: bytes, size: int) -> bytes:
    """A PNG with one packed text of *size* zeros: `zTXt`, `iTXt` or `iCCP`."""
    packed = zlib.compress(bytes(size))
    before = {b"zTXt": b"k\0\0", b"iTXt": b"k\0\1\0\0\0", b"iCCP": b"k\0\0"}[kind]
    return with_chunks(encoded(quarters(), "PNG"), chunk(kind, before + packed))


def many_texts(count: int, size: int) -> bytes:
    """A PNG with *count* packed texts, each of which alone would be fine."""
    one = chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(size)))
    return with_chunks(encoded(quarters(), "PNG"), *[one] * count)


def overfull_rows() -> bytes:
    """A PNG of 16 x 16 whose rows go on for 50 MB after the last one."""
    return png(16, 16, depth=8, colour=2, rows=bytes(50_000_000))


def zip_file() -> bytes:
    held = BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr("run.sh", "echo taken over")
    return held.getvalue()
