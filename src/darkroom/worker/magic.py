"""What kind of file it is, told from its first bytes and nothing else.

Sources: the file signatures in the WHATWG MIME Sniffing Standard, and in the format documents
of TIFF, BMP, and ISO base media files (HEIC and AVIF).
"""

from collections.abc import Mapping

from darkroom.domain.errors import InputUnusable

UNKNOWN = "application/octet-stream"
_HEAD_BYTES = 512

_OTHERS: Mapping[bytes, str] = {
    b"BM": "a BMP picture",
    b"II*\0": "a TIFF picture",
    b"MM\0*": "a TIFF picture",
    b"%PDF": "a PDF document",
    b"PK\x03\x04": "a ZIP archive",
}
_TEXTS: Mapping[bytes, str] = {
    b"<svg": "an SVG picture",
    b"<!doctype html": "an HTML page",
    b"<html": "an HTML page",
    b"<?xml": "an XML document",
    b"{": "a JSON document",
}


def picture_type(data: bytes) -> str | None:
    """The content type of a JPEG, PNG, GIF or WebP; None for anything else."""
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return None


def require_picture(data: bytes) -> None:
    """Refuse what does not begin like one of the four.

    Raises:
        InputUnusable: says what it seems to be instead.
    """
    if picture_type(data) is None:
        raise InputUnusable(f"this is {_description(data)}; send a JPEG, PNG, GIF or WebP")


def _description(data: bytes) -> str:
    if not data:
        return "an empty file"
    for head, words in _OTHERS.items():
        if data.startswith(head):
            return words
    if data[4:8] == b"ftyp":
        return "a HEIC or AVIF picture, or a video"
    return _text(data[:_HEAD_BYTES].lstrip(b"\xef\xbb\xbf \t\r\n").lower())


def _text(head: bytes) -> str:
    if b"<svg" in head:
        return "an SVG picture"
    for start, words in _TEXTS.items():
        if head.startswith(start):
            return words
    return "not a picture we know"
