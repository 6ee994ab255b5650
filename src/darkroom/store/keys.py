"""API keys and the server's secrets, as tables of a database."""

import secrets
from collections.abc import Sequence
from dataclasses import replace

from darkroom.ports.keys import ApiKey
from darkroom.store import rows
from darkroom.store.database import Database, rows_of
from darkroom.store.transitions import keys


class KeyTables:
    """Satisfies KeyStore."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add_key(self, key: ApiKey) -> ApiKey:
        """Keep a key; one whose digest is known already stays as it was."""
        created_at = await self._database.write(lambda: keys.add_key(key))
        return key if created_at is None else replace(key, created_at=created_at)

    async def keys(self) -> Sequence[ApiKey]:
        """All keys."""
        found = await self._database.read(rows_of("keys", {}))
        return [rows.api_key(row) for row in found]

    async def revoke_key(self, key_id: str) -> ApiKey | None:
        """Revoke a key."""
        return await self._database.write(lambda: keys.revoke_key(key_id))

    async def secret(self, name: str) -> bytes:
        """A secret of 32 bytes."""
        offered = secrets.token_hex(32)
        return bytes.fromhex(await self._database.write(lambda: keys.secret(name, offered)))
