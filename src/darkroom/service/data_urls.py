"""`data:` URLs: taken leniently, as the wire's clients write them."""

from urllib.parse import unquote_to_bytes

import pybase64

from darkroom.domain.errors import InputUnusable

SCHEME = "data:"
_BASE64_LENGTH = 4


def is_data_url(text: str) -> bool:
    """Whether *text* is a data URL; the scheme's case does not matter."""
    return text[:5].lower() == SCHEME


def decode(text: str) -> bytes:
    """The bytes of a data URL.

    Taken as base64 when marked so, and also without the mark when it cannot be anything else
    (one of the vendor's own examples forgets it). Both alphabets and missing padding are taken.

    Raises:
        InputUnusable: no comma, or no base64 where base64 was announced.
    """
    header, comma, payload = text.partition(",")
    if not comma:
        raise InputUnusable("a data: URL needs a comma before its content")
    if header.lower().endswith(";base64"):
        return _base64(payload)
    if "%" not in payload and header.lower().endswith("application/octet-stream"):
        return _base64(payload)
    return unquote_to_bytes(payload)


def _base64(payload: str) -> bytes:
    if "%" in payload:
        payload = unquote_to_bytes(payload).decode("ascii", "replace")
    payload += "=" * (-len(payload) % _BASE64_LENGTH)
    alternative = b"-_" if "-" in payload or "_" in payload else None
    try:
        return pybase64.b64decode(payload, alternative)
    except ValueError as error:
        raise InputUnusable("the data: URL does not hold base64") from error


def encode(content_type: str, data: bytes) -> str:
    """A data URL of *data*."""
    return f"data:{content_type};base64,{pybase64.b64encode_as_string(data)}"
