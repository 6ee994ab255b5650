"""Files in a folder of the server's, for workers elsewhere: addresses of the server itself.

An address holds a token that says what may be done with which file and until when, and proves
that this server, or another with the same secret, made it. Nothing is kept of it.
"""

import base64
import binascii
import hmac
import struct
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Literal, TypeAlias

from darkroom.ports.buckets import Bucket
from darkroom.ports.serving import Clock
from darkroom.protocol.messages import MAX_FILE_BYTES

PATH = "/api/worker-files/"
GOOD_FOR_SECONDS = 12 * 3600
"""Longer than a model may take to load and run; a worker that is later still asks anew."""
_HEAD = struct.Struct(">cQQ")  # method, limit in bytes, end in Unix milliseconds; then the key
_MAC_BYTES = 16
_PURPOSE = b"worker files"

Method: TypeAlias = Literal["GET", "PUT"]
_LETTERS: dict[Method, bytes] = {"GET": b"G", "PUT": b"P"}


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRight:
    """The right to read the file at *key*, or to write it once with so many bytes."""

    key: str
    limit_bytes: int


class LocalSigner(Bucket):
    """Satisfies `ports.Bucket` with addresses that name no host: they are this server's.

    Args:
        secret: 32 bytes that all servers on the same folder share.
        size: of the file at a key; raises as `Bucket.size_bytes`.
        clock: its wall time decides what has expired.
        good_for_seconds: how long an address is good.
    """

    def __init__(
        self,
        secret: bytes,
        size: Callable[[str], Awaitable[int]],
        clock: Clock,
        *,
        good_for_seconds: int = GOOD_FOR_SECONDS,
    ) -> None:
        self._base = hmac.new(secret, _PURPOSE, sha256)
        self._size = size
        self._clock = clock
        self._good_for_ms = good_for_seconds * 1000

    async def readable(self, keys: Sequence[str]) -> Sequence[str]:
        """Addresses for GET."""
        return [self._address("GET", key) for key in keys]

    async def writable(self, keys: Sequence[str]) -> Sequence[str]:
        """Addresses for PUT; what is there already stays."""
        return [self._address("PUT", key) for key in keys]

    async def size_bytes(self, key: str) -> int:
        """How large the file at *key* is; see the port."""
        return await self._size(key)

    def opened(self, token: str, method: Method) -> KeyRight | None:
        """What *token* opens to *method* now; None for nothing, whatever the reason."""
        body = self._proven(token)
        if body is None:
            return None
        letter, limit, until = _HEAD.unpack_from(body)
        if letter != _LETTERS[method] or until <= self._clock.wall_ms():
            return None
        return KeyRight(key=body[_HEAD.size :].decode(), limit_bytes=limit)

    def _address(self, method: Method, key: str) -> str:
        until = self._clock.wall_ms() + self._good_for_ms
        body = _HEAD.pack(_LETTERS[method], MAX_FILE_BYTES, until) + key.encode()
        return PATH + base64.urlsafe_b64encode(body + self._mac(body)).decode().rstrip("=")

    def _proven(self, token: str) -> bytes | None:
        try:
            data = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            return None
        body, mac = data[:-_MAC_BYTES], data[-_MAC_BYTES:]
        if len(body) <= _HEAD.size or not hmac.compare_digest(mac, self._mac(body)):
            return None
        return body

    def _mac(self, body: bytes) -> bytes:
        mac = self._base.copy()
        mac.update(body)
        return mac.digest()[:_MAC_BYTES]
