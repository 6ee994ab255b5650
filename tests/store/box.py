"""A store, its outbox, and hands that turn the clocks of deliveries."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import cast

from tests.store.places import Hand, Place

from darkroom.domain.events import Finished, LogText, Published, Report
from darkroom.domain.ids import Owner, PredictionId, VersionId, WorkerId
from darkroom.domain.prediction import JsonText, Milliseconds, Outcome, Shape
from darkroom.ports.predictions import Acceptance, Holder
from darkroom.ports.webhooks import Delivery, DeliveryState, Try
from darkroom.store.deliveries import DeliveryTables
from darkroom.store.predictions import PredictionTables

ID = PredictionId("p1")
ENDPOINT = "https://hooks.test/x"
HOLDER = Holder(worker=WorkerId("w"), incarnation=1)


@dataclass(frozen=True)
class Box:
    """A store, its outbox, and a second connection that looks at rows and turns their clocks."""

    store: PredictionTables
    outbox: DeliveryTables
    rows: Hand

    async def accept(
        self, *events: str, webhook: str | None = f"{ENDPOINT}?order=1", id_: PredictionId = ID
    ) -> None:
        await self.store.accept(
            Acceptance(
                id=id_,
                owner=Owner("ada"),
                model="m/n",
                version=VersionId("v"),
                shape=Shape.LIST,
                input=JsonText("{}"),
                webhook=webhook,
                webhook_events=events,
                holder=HOLDER,
            )
        )

    async def tell(
        self,
        *events: LogText | Published,
        started: bool = False,
        outcome: Outcome | None = None,
        id_: PredictionId = ID,
    ) -> None:
        finished = Finished(outcome=outcome) if outcome else None
        await self.store.report(
            Report(prediction=id_, attempt=1, started=started, events=events, finished=finished)
        )

    def known(self) -> list[tuple[int, str, str]]:
        found = self.rows.execute("select n, kind, state from deliveries order by n").fetchall()
        return [(int(str(n)), str(kind), str(state)) for n, kind, state in found]

    def kinds(self) -> list[str]:
        return [kind for _, kind, state in self.known() if state == "pending"]

    def gap_ms(self, one: int, other: int) -> int:
        """How much later delivery *other* is due than *one*."""
        found = self.rows.execute("select n, next_at from deliveries").fetchall()
        times = dict(cast("list[tuple[int, int]]", found))
        return times[other] - times[one]

    def pass_ms(self, ms: int) -> None:
        """Let time pass for every delivery."""
        self.rows.execute(
            "update deliveries set next_at = next_at - :ms, told_at = told_at - :ms,"
            " taken_at = taken_at - :ms, first_at = first_at - :ms",
            {"ms": ms},
        )

    async def take(self, most: int = 9) -> list[tuple[int, str]]:
        return [(one.n, one.event) for one in await self.taken(most)]

    async def taken(self, most: int = 9) -> Sequence[Delivery]:
        return await self.outbox.take(ENDPOINT, most)

    async def settle(self, one: Delivery, state: DeliveryState = DeliveryState.DELIVERED) -> bool:
        return await self.outbox.settle(Try(delivery=one, state=state, status=200, answer="ok"))


@asynccontextmanager
async def opened(place: Place) -> AsyncGenerator[Box]:
    async with place.opened() as database:
        yield Box(PredictionTables(database), DeliveryTables(database), place.hand())


def since(taken: Delivery, ms: int) -> Delivery:
    """What was taken, as if that had been *ms* ago; the row itself is moved by `pass_ms`."""
    return replace(taken, taken_at=Milliseconds(taken.taken_at - ms))


def log(text: str = "line\n") -> LogText:
    return LogText(text=text)


def output(index: int = 0) -> Published:
    return Published(index=index, value=JsonText('"word"'))
