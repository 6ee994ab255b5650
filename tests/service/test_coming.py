"""What goes wrong while a worker is being let in costs it nothing."""

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.service.test_attendance import SILENCE, begun, come, key, losses
from tests.support import rig as rigs

from darkroom.domain.errors import PeerMisbehaved, StoreBusy
from darkroom.domain.ids import PredictionId
from darkroom.ports.predictions import Adopted, Holder
from darkroom.store.predictions import PredictionTables


@dataclass
class Gate:
    """Holds adoptions up until a test lets them through, or lets them fail."""

    open: asyncio.Event
    busy: bool = False


class Gated(PredictionTables):
    """A database that is slow to let workers take over what they hold."""

    gate: Gate | None = None

    def adopt(self, holder: Holder, held: Sequence[tuple[PredictionId, int]]) -> Awaitable[Adopted]:
        gate = self.gate

        async def later() -> Adopted:
            if gate is not None:
                await gate.open.wait()
                if gate.busy:
                    raise StoreBusy("disk full")
            return await PredictionTables.adopt(self, holder, held)

        return later()


async def test_a_worker_that_comes_twice_at_once_has_one_seat(tmp_path: Path) -> None:
    async with rigs.rig(tmp_path, store_class=Gated) as rig:
        assert isinstance(rig.store, Gated)
        job = await begun(rig)
        rig.worker.leave()
        rig.store.gate = gate = Gate(asyncio.Event())
        first, second = come(rig), come(rig)
        coming = asyncio.gather(first.rejoin([key(job)]), second.rejoin([key(job)]),
                                return_exceptions=True)  # fmt: skip
        await asyncio.sleep(0)
        gate.open.set()
        one, two = await coming

        assert isinstance(one, PeerMisbehaved)
        assert two == [key(job)]
        assert len(rig.dispatcher.seats) == 1


async def test_a_database_that_was_busy_while_a_worker_came_costs_it_nothing(
    tmp_path: Path,
) -> None:
    async with rigs.rig(tmp_path, store_class=Gated) as rig:
        assert isinstance(rig.store, Gated)
        job = await begun(rig)
        rig.worker.leave()
        rig.store.gate = gate = Gate(asyncio.Event(), busy=True)
        coming = asyncio.create_task(come(rig).rejoin([key(job)]))
        await asyncio.sleep(0)
        rig.watch(2 * SILENCE)
        gate.open.set()
        with pytest.raises(StoreBusy):
            await coming
        rig.watch(SILENCE - 1)
        gate.busy = False

        assert await come(rig).rejoin([key(job)]) == [key(job)]


async def test_a_worker_that_hangs_up_while_it_is_let_in_is_missed(tmp_path: Path) -> None:
    async with rigs.rig(tmp_path, store_class=Gated) as rig:
        assert isinstance(rig.store, Gated)
        job = await begun(rig)
        rig.worker.leave()
        rig.store.gate = Gate(asyncio.Event())
        coming = asyncio.create_task(come(rig).rejoin([key(job)]))
        await asyncio.sleep(0)
        coming.cancel()
        await asyncio.gather(coming, return_exceptions=True)
        rig.watch(SILENCE + 1)

        assert "did not come back" in (await losses(rig, job.id))[0]
