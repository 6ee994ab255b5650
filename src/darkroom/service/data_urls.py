"""`data:` URLs, read as forgivingly as browsers and Replicate's clients need it.

Here and not in the worker because both ends read them: the server what it spools, the worker
what travelled inside the row.
"""

from urllib.parse import unquote_to_bytes

import pybase64

from darkroom.domain.errors import InputUnusable

SCHEME = "data:"
_UNMARKED = "application/octet-stream"
_TO_STANDARD = bytes.maketrans(b"-_", b"+/")


def is_data_url(text: str) -> bool:
    """Whether *text* is a data URL; the scheme's case does not matter."""
    return text[: len(SCHEME)].lower() == SCHEME


def decode(url: str) -> bytes:
    """Take *url* apart: base64 (either alphabet, padding optional) or percent-encoded.

    Base64 is also taken without its mark where the type is unnamed bytes: one of the vendor's
    own examples forgets it.

    Source: RFC 2397, and the Fetch Standard's forgiving-base64 decode.

    Raises:
        InputUnusable: there is no comma, or what follows it is not base64.
    """
    head, comma, body = url.partition(",")
    if not comma:
        raise InputUnusable("a data: URL needs a comma before its data")
    kind = head[len(SCHEME) :].strip().lower()
    if not kind.endswith(";base64") and (kind != _UNMARKED or "%" in body):
        return unquote_to_bytes(body)
    try:
        return pybase64.b64decode(body, validate=True)
    except ValueError:
        return _forgiving(unquote_to_bytes(body))


def _forgiving(body: bytes) -> bytes:
    letters = b"".join(body.split()).rstrip(b"=").translate(_TO_STANDARD)
    try:
        return pybase64.b64decode(letters + b"=" * (-len(letters) % 4), validate=True)
    except ValueError as error:
        raise InputUnusable("what this data: URL holds is not base64") from error


def encode(content_type: str, data: bytes) -> str:
    """A data URL of *data*."""
    return f"data:{content_type};base64,{pybase64.b64encode_as_string(data)}"
