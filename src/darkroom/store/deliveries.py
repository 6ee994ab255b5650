"""The outbox of webhooks, as tables of a database."""

from collections.abc import Awaitable, Sequence
from typing import cast

from darkroom.domain.ids import PredictionId
from darkroom.ports.webhooks import Delivery, Endpoint, KeptDelivery, Try
from darkroom.store.database import Database, rows_of
from darkroom.store.transitions import delivering


class DeliveryTables:
    """Satisfies Outbox. Deliveries are added by the transitions of predictions."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def endpoints(self) -> Sequence[Endpoint]:
        """Every address that something waits for."""
        found = await self._database.read(rows_of("delivery_endpoints", {}))
        waiting = cast("list[tuple[str, int, int | None]]", found)
        return [
            Endpoint(address=address, due=due_in_ms <= 0, later_ms=later_ms)
            for address, due_in_ms, later_ms in waiting
        ]

    def take(self, address: str, most: int) -> Awaitable[Sequence[Delivery]]:
        """Up to *most* due deliveries."""
        return self._database.write(lambda: delivering.take(address, most))

    def settle(self, done: Try) -> Awaitable[bool]:
        """Keep what came of a try."""
        return self._database.write(lambda: delivering.settle(done), about=done.delivery.prediction)

    def resend(self, prediction: PredictionId, n: int | None) -> Awaitable[int | None]:
        """Make a delivery due now."""
        return self._database.write(lambda: delivering.resend(prediction, n))

    def recover(self) -> Awaitable[object]:
        """Make due what an earlier server had taken."""
        return self._database.write(lambda: rows_of("recover_deliveries", {}))

    async def kept(self, prediction: PredictionId) -> Sequence[KeptDelivery]:
        """All deliveries of a prediction."""
        return await self._database.read(delivering.kept(prediction))
