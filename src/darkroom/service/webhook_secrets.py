"""The secret with which an owner's webhooks are signed."""

import base64

from darkroom.domain.ids import Owner
from darkroom.ports.keys import KeyStore

_SECRET_BYTES = 24


class WebhookSecrets:
    """One secret for each owner, made when it is first asked for and kept for ever.

    It reads `whsec_` and standard base64, because the vendor's clients split it at the underscore:
    there must be no other.

    Args:
        store: where secrets are kept.
    """

    def __init__(self, store: KeyStore) -> None:
        self._store = store
        self._known: dict[Owner, str] = {}

    async def of(self, owner: Owner) -> str:
        """The secret of *owner*."""
        known = self._known.get(owner)
        if known is None:
            secret = await self._store.secret(f"webhooks:{owner}")
            known = f"whsec_{base64.b64encode(secret[:_SECRET_BYTES]).decode()}"
            self._known[owner] = known
        return known
