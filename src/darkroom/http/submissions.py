"""By what a repeated request is known: its key if it brings one, else what it consists of."""

import hashlib
from collections.abc import Sequence
from typing import cast

from starlette.requests import Request

from darkroom.http.answers import caller
from darkroom.http.problems import MalformedRequest
from darkroom.service.repeats import Submission

LONGEST_KEY = 255
_DIGEST = 32  # hex digits of a SHA-256 that are kept: 128 bits
_KEY = b"idempotency-key"
_COUNT = b"x-stainless-retry-count"
_TYPE = b"content-type"
_BOUNDARY = b"boundary="


def submission(request: Request, data: bytes, *, part: int = 0) -> Submission:
    """What this request is told from others by.

    Args:
        request: with its caller.
        data: its body.
        part: which of several predictions of this one request.

    Raises:
        MalformedRequest: its `Idempotency-Key` is empty or too long.
    """
    headers = cast("Sequence[tuple[bytes, bytes]]", request.scope["headers"])
    key = count = boundary = None
    for name, value in headers:
        if name == _KEY:
            key = _checked(value)
        elif name == _COUNT:
            count = value
        elif name == _TYPE and value.startswith(b"multipart/"):
            boundary = value.partition(_BOUNDARY)[2].partition(b";")[0].strip(b'" ')
    # A key is its owner's, whichever API key came with it; a guess must not be that broad.
    whose = "" if key is not None else caller(request).key
    hashed = hashlib.sha256(f"{whose}\n{request.method} {request.scope['path']} {part}\n".encode())
    # A form's boundary is drawn anew for every repeat.
    hashed.update(data.replace(boundary, b"") if boundary else data)
    return Submission(
        digest=hashed.hexdigest()[:_DIGEST],
        idempotency_key=key if not part or key is None else f"{key}#{part}",
        repeated=count is not None and count.strip() not in (b"", b"0"),
    )


def _checked(value: bytes) -> str:
    key = value.decode("latin-1")
    if not 0 < len(key) <= LONGEST_KEY or "\0" in key:
        raise MalformedRequest(f"An Idempotency-Key has 1 to {LONGEST_KEY} characters, no NUL.")
    return key
