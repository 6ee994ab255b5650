"""What is kept of API keys, and the secrets of the server."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from darkroom.domain.ids import Owner
from darkroom.domain.prediction import Milliseconds


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A key as it is kept: never the secret itself. `digest` is the SHA-256 of it in hex.

    `pool` is None for a key of the API. Else it is a worker's token, which opens nothing of the
    API, and its worker belongs to that pool.
    """

    id: str
    owner: Owner
    digest: str
    hint: str  # the first characters, to tell keys apart
    admin: bool
    created_at: Milliseconds
    expires_at: Milliseconds | None
    revoked_at: Milliseconds | None
    pool: str | None = None


class KeyStore(Protocol):
    """API keys and the server's own secrets."""

    async def add_key(self, key: ApiKey) -> ApiKey:
        """Keep a new key; its `created_at` is the database's time."""
        ...

    async def keys(self) -> Sequence[ApiKey]:
        """All keys, oldest first."""
        ...

    async def revoke_key(self, key_id: str) -> ApiKey | None:
        """Revoke; None if there is no such key. Revoking twice changes nothing."""
        ...

    async def secret(self, name: str) -> bytes:
        """32 random bytes kept under *name*, made at the first call."""
        ...
