"""A rig whose webhooks really leave, to a receiver on loopback, when a test says so."""

import sqlite3
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from tests.support.hands import PICTURE, succeeded
from tests.support.receiver import Receiver, receiving
from tests.support.rig import Rig, rig

from darkroom.egress.webhooks import GuardedPoster
from darkroom.protocol.messages import Ended, FileFact, Gave, Job, Said


@dataclass(frozen=True)
class Telling:
    """A rig, and a receiver of its webhooks."""

    rig: Rig
    receiver: Receiver

    async def create(
        self, *events: str, target: str = "/hook", **extra: object
    ) -> dict[str, object]:
        """A prediction with a webhook; without events it names no filter."""
        chosen = {"webhook_events_filter": list(events)} if events else {}
        return await self.rig.create(webhook=self.receiver.url(target), **chosen, **extra)

    async def run(self, *events: str, target: str = "/hook") -> dict[str, object]:
        """A prediction that has started and ended in one breath; its webhooks wait."""
        made = await self.create(*events, target=target)
        await self.tell(made, self.picture(made), ended=succeeded())
        return made

    def job(self, made: dict[str, object]) -> Job:
        return next(one for one in self.rig.worker.jobs if one.id == made["id"])

    def picture(self, made: dict[str, object], index: int = 0) -> Gave:
        key = f"predictions/{made['id']}/1/{index}"
        return Gave(index, _fact(key, index))

    async def tell(
        self,
        made: dict[str, object],
        *events: Said | Gave,
        ended: Ended | None = None,
        started: bool = True,
    ) -> None:
        self.rig.worker.tell(self.job(made), *events, ended=ended, started=started)
        await self.rig.settled()

    async def send(self) -> None:
        """Send what is due, and what becomes due when that is settled."""
        await self.rig.deliveries.settled()
        before = -1
        while before != len(self.receiver.calls):
            before = len(self.receiver.calls)
            await self.rig.deliveries.once()
            await self.rig.deliveries.settled()

    def pass_seconds(self, seconds: float) -> None:
        """Let time pass for all deliveries and breakers."""
        self.rig.clock.forward(seconds)
        self.change(
            "update deliveries set next_at = next_at - :ms, first_at = first_at - :ms, "
            "told_at = told_at - :ms",
            ms=round(seconds * 1000),
        )

    def change(self, statement: str, **values: int | str) -> None:
        """Change rows behind the server's back."""
        connection = sqlite3.connect(self.rig.folder / "darkroom.db", isolation_level=None)
        connection.execute(statement, values)
        connection.close()

    async def log(self, made: dict[str, object]) -> list[dict[str, object]]:
        """The deliveries of a prediction as the API shows them."""
        return cast("list[dict[str, object]]", (await self.shown(made))["deliveries"])

    async def shown(self, made: dict[str, object]) -> dict[str, object]:
        """What the API shows of the webhooks of a prediction."""
        answer = await self.rig.client.get(f"/api/predictions/{made['id']}/webhooks")
        assert answer.status_code == 200, answer.text
        return cast("dict[str, object]", answer.json())

    @property
    def statuses(self) -> list[object]:
        """What status each webhook that came showed."""
        return [one.shown["status"] for one in self.receiver.calls]


def _fact(key: str, index: int) -> FileFact:
    return FileFact(
        key=key,
        name=f"out-{index}.png",
        content_type="image/png",
        size_bytes=len(PICTURE),
        sha256=f"{index:064}",
    )


@asynccontextmanager
async def telling(folder: Path) -> AsyncGenerator[Telling]:
    async with (
        receiving() as receiver,
        GuardedPoster(allow=[receiver.place]) as poster,
        rig(folder, poster=poster) as made,
    ):
        made.worker.join({"echo": 99, "echo-text": 99})
        yield Telling(made, receiver)
        await made.deliveries.close(0)
