"""API keys and secrets."""

from typing import cast

from darkroom.domain.prediction import Milliseconds
from darkroom.ports.keys import ApiKey
from darkroom.store import rows
from darkroom.store.transitions.recipe import Transition


def add_key(key: ApiKey) -> Transition[Milliseconds | None]:
    """Keep a key; returns when, or None if its digest is known already."""
    added = yield (
        "add_key",
        {
            "id": key.id,
            "owner": key.owner,
            "digest": key.digest,
            "hint": key.hint,
            "admin": int(key.admin),
            "expires_at": key.expires_at,
            "pool": key.pool,
        },
    )
    return cast("Milliseconds", added[0][0]) if added else None


def revoke_key(key_id: str) -> Transition[ApiKey | None]:
    """Revoke a key; the first revocation's time stays."""
    revoked = yield "revoke_key", {"id": key_id}
    return rows.api_key(revoked[0]) if revoked else None


def secret(name: str, offered: str) -> Transition[str]:
    """The secret kept under *name*; *offered* becomes it if there is none."""
    yield "add_secret", {"name": name, "value": offered}
    found = yield "secret", {"name": name}
    return str(found[0][0])
