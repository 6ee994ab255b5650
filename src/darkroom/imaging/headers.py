"""Format and size from the first bytes of a file, read before any decoder sees it."""

import struct
from dataclasses import dataclass
from typing import Literal, TypeAlias

Format: TypeAlias = Literal["JPEG", "PNG", "GIF", "WEBP"]

_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG_ALONE = frozenset({0x01, *range(0xD0, 0xD9)})  # markers without a length
_JPEG_FRAMES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
_JPEG_SCAN = 0xDA


@dataclass(frozen=True, slots=True)
class Header:
    """What a file claims to be; sizes in pixels, 0 where the claim is missing or cut off."""

    format: Format
    width: int
    height: int


def read_header(data: bytes) -> Header | None:
    """Read what *data* claims to be; None if it is none of the four formats.

    Source: PNG 11.2.1 (IHDR), GIF89a section 18, ITU T.81 B.2.2, RFC 9649 section 2.
    """
    if data.startswith(_PNG):
        begins = data[12:16] == b"IHDR"  # what stands at these places is a size only then
        return Header("PNG", *(_unpacked(">II", data, 16) if begins else (0, 0)))
    if data.startswith((b"GIF87a", b"GIF89a")):
        return Header("GIF", *_unpacked("<HH", data, 6))
    if data.startswith(b"\xff\xd8\xff"):
        return Header("JPEG", *_jpeg_size(data))
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return Header("WEBP", *_webp_size(data))
    return None


def is_whole(data: bytes, claimed: Format) -> bool:
    """Whether the mark that ends such a file is there; asked only after decoding failed."""
    match claimed:
        case "PNG":
            return b"IEND" in data[-4096:]
        case "GIF":
            return b"\x3b" in data[-16:]
        case "JPEG":
            return b"\xff\xd9" in data[-4096:]
        case "WEBP":
            return len(data) >= 8 + int.from_bytes(data[4:8], "little")


def _unpacked(form: str, data: bytes, offset: int) -> tuple[int, int]:
    if len(data) < offset + struct.calcsize(form):
        return 0, 0
    first, second = struct.unpack_from(form, data, offset)
    return int(first), int(second)


def _jpeg_size(data: bytes) -> tuple[int, int]:
    at = 2
    while 0 <= at < len(data) - 3:
        marker = data[at + 1]
        if data[at] != 0xFF:
            at = data.find(b"\xff", at)
        elif marker == 0xFF:
            at += 1
        elif marker in _JPEG_FRAMES:
            height, width = _unpacked(">HH", data, at + 5)
            return width, height
        elif marker == _JPEG_SCAN:
            break
        else:
            has_length = marker not in _JPEG_ALONE and marker != 0
            at += 2 + (int.from_bytes(data[at + 2 : at + 4]) if has_length else 0)
    return 0, 0


def _webp_size(data: bytes) -> tuple[int, int]:
    kind = data[12:16]
    if kind == b"VP8X" and len(data) >= 30:
        width = int.from_bytes(data[24:27], "little")
        height = int.from_bytes(data[27:30], "little")
        return width + 1, height + 1
    if kind == b"VP8L" and len(data) >= 25:
        bits = int.from_bytes(data[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    width, height = _unpacked("<HH", data, 26) if kind == b"VP8 " else (0, 0)
    return width & 0x3FFF, height & 0x3FFF
