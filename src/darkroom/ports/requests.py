"""What the service asks of the store about requests that come more than once."""

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Protocol

from darkroom.domain.ids import Owner, PredictionId
from darkroom.domain.prediction import Prediction
from darkroom.ports.predictions import Acceptance

KEY_MS = 24 * 3_600_000
"""How long an idempotency key stands for what it has made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """A prediction, and the digest of the request that made it."""

    prediction: PredictionId
    digest: str


class RequestStore(Protocol):
    """Which request made which prediction."""

    def accept_once(
        self, new: Acceptance, key: str, digest: str
    ) -> Awaitable[Prediction | Remembered]:
        """Add a prediction as `PredictionStore.accept` does, unless its owner's *key* has made one.

        Key and prediction are written in one transaction. A key is forgotten after `KEY_MS`.

        Args:
            new: the prediction.
            key: its idempotency key.
            digest: of the request.
        """
        ...

    async def remembered(self, owner: Owner, key: str) -> Remembered | None:
        """What *owner*'s idempotency *key* has made within `KEY_MS`."""
        ...

    async def recent(self, since: PredictionId, most: int) -> Sequence[Remembered]:
        """The newest *most* predictions above an id whose request is remembered, oldest first."""
        ...

    def forget(self, since: PredictionId, kept: Sequence[Remembered]) -> Awaitable[None]:
        """Forget the requests of predictions above an id, but for those *kept*."""
        ...

    def withdraw(self, prediction: PredictionId, owner: Owner, key: str | None) -> Awaitable[None]:
        """Forget the request that made *prediction*, and that *owner*'s *key* stands for it."""
        ...

    async def unended(self) -> Sequence[tuple[PredictionId, Owner]]:
        """Predictions that wait or run, and whose they are."""
        ...
