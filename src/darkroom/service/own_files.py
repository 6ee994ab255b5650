"""URLs of our own in inputs: read from the file store, after asking whose they are."""

import re
from dataclasses import dataclass

from darkroom.domain.ids import Owner
from darkroom.domain.prediction import StoredFile
from darkroom.ports.predictions import Attempts, PredictionStore
from darkroom.service.capabilities import Capabilities

_FILE_URL = re.compile(r"https?://[^/]+/files/(?P<token>[0-9a-z]+)/[^/?#]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnFiles:
    """Finds stored files by URL.

    The host part is not compared: a token that this server's secret has signed is ours under
    whatever name the client reached us.
    """

    store: PredictionStore
    attempts: Attempts
    capabilities: Capabilities

    async def find(self, url: str, owner: Owner) -> StoredFile | None:
        """The file behind *url* if it is one of ours and *owner*'s, else None."""
        matched = _FILE_URL.fullmatch(url)
        right = self.capabilities.read_file(matched["token"]) if matched else None
        if right is None:
            return None
        prediction = await self.store.get(right.prediction)
        if prediction is None or prediction.owner != owner:
            return None
        return await self.attempts.file(right.prediction, right.attempt, right.index)
