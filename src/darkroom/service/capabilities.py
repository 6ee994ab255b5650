"""URLs that need no key: a token names one thing and proves that this server made it.

A token is base32 over the prediction's 16 bytes, what it opens, and the first 16 bytes of an
HMAC-SHA256 over both: nobody without the server's secret can make one.
"""

import hmac
from dataclasses import dataclass
from hashlib import sha256

from darkroom.domain.ids import PredictionId, base32, unbase32

_ID_BYTES = 16
_MAC_BYTES = 16
_FILE = 1
_STREAM = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRight:
    """The right to read one stored file; attempt 0 is a file of the input."""

    prediction: PredictionId
    attempt: int
    index: int


class Capabilities:
    """Makes and reads tokens.

    Args:
        secret: 32 bytes that stay the same across restarts, so that URLs do.
    """

    def __init__(self, secret: bytes) -> None:
        self._base = hmac.new(secret, digestmod=sha256)

    def file(self, prediction: PredictionId, attempt: int, index: int) -> str:
        """The token of a stored file."""
        return self._token(prediction, bytes((_FILE, attempt, index)))

    def stream(self, prediction: PredictionId) -> str:
        """The token of a prediction's events."""
        return self._token(prediction, bytes((_STREAM,)))

    def read_file(self, token: str) -> FileRight | None:
        """What a file's token opens; None for anything that is not ours."""
        opened = self._open(token, size=3)
        if opened is None or opened[1][0] != _FILE:
            return None
        _kind, attempt, index = opened[1]
        return FileRight(prediction=opened[0], attempt=attempt, index=index)

    def read_stream(self, token: str) -> PredictionId | None:
        """Whose events a token opens; None for anything that is not ours."""
        opened = self._open(token, size=1)
        return None if opened is None or opened[1][0] != _STREAM else opened[0]

    def _token(self, prediction: PredictionId, what: bytes) -> str:
        body = (unbase32(prediction) or bytes(_ID_BYTES)) + what
        return base32(body + self._mac(body))

    def _mac(self, body: bytes) -> bytes:
        mac = self._base.copy()
        mac.update(body)
        return mac.digest()[:_MAC_BYTES]

    def _open(self, token: str, *, size: int) -> tuple[PredictionId, bytes] | None:
        data = unbase32(token)
        if data is None or len(data) != _ID_BYTES + size + _MAC_BYTES:
            return None
        body = data[:-_MAC_BYTES]
        if not hmac.compare_digest(self._mac(body), data[-_MAC_BYTES:]):
            return None
        return PredictionId(base32(body[:_ID_BYTES])), body[_ID_BYTES:]
