"""Keys without a disk."""

from collections.abc import Sequence
from dataclasses import replace

from darkroom.domain.prediction import Milliseconds
from darkroom.ports.keys import ApiKey, KeyStore


class KeysInMemory(KeyStore):
    """Keeps keys as rows of a list; what is revoked is revoked *now*."""

    def __init__(self, now: int = 1_800_000_000_000) -> None:
        self.rows: list[ApiKey] = []
        self.now = Milliseconds(now)

    async def add_key(self, key: ApiKey) -> ApiKey:
        self.rows.append(key)
        return key

    async def keys(self) -> Sequence[ApiKey]:
        return tuple(self.rows)

    async def revoke_key(self, key_id: str) -> ApiKey | None:
        for n, row in enumerate(self.rows):
            if row.id == key_id:
                self.rows[n] = replace(row, revoked_at=row.revoked_at or self.now)
                return self.rows[n]
        return None

    async def secret(self, name: str) -> bytes:
        return name.encode().ljust(32)
