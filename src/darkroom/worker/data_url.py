"""Bytes out of a `data:` URL, as forgiving as browsers and Replicate's clients are."""

from urllib.parse import unquote_to_bytes

import pybase64

from darkroom.domain.errors import InputUnusable


def decode(url: str) -> bytes:
    """Take *url* apart: base64 (either alphabet, padding optional) or percent-encoded.

    Source: RFC 2397, and the Fetch Standard's forgiving-base64 decode.

    Raises:
        InputUnusable: there is no comma, or what follows it is not base64.
    """
    head, comma, body = url.partition(",")
    if not comma:
        raise InputUnusable("a data: URL needs a comma before its data")
    if not head.rstrip().lower().endswith(";base64"):
        return unquote_to_bytes(body)
    try:
        return pybase64.b64decode(body, validate=True)
    except ValueError:
        return _forgiving(unquote_to_bytes(body))


def _forgiving(body: bytes) -> bytes:
    letters = b"".join(body.split()).rstrip(b"=").translate(bytes.maketrans(b"-_", b"+/"))
    try:
        return pybase64.b64decode(letters + b"=" * (-len(letters) % 4), validate=True)
    except ValueError as error:
        raise InputUnusable("what this data: URL holds is not base64") from error
