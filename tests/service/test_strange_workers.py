"""What a worker with a token of its pool may tell, and what it cannot do to others by it."""

import math
from collections.abc import AsyncGenerator, Awaitable
from pathlib import Path

import pytest
from tests.support import rig as rigs
from tests.support.rig import Rig

from darkroom.domain.errors import PeerMisbehaved
from darkroom.domain.prediction import Prediction
from darkroom.ports.predictions import Lost
from darkroom.protocol.messages import Ended
from darkroom.service.attendance import MOST_HELD
from darkroom.store.predictions import PredictionTables

NOT_FINITE = [math.nan, math.inf, -math.inf]


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncGenerator[Rig]:
    async with rigs.rig(tmp_path) as made:
        yield made


class Counting(PredictionTables):
    """Counts attempts that are given up."""

    given_up = 0

    def lose(self, lost: Lost) -> Awaitable[Prediction | None]:
        self.given_up += 1
        return super().lose(lost)


async def test_what_a_worker_only_says_it_holds_costs_no_write(tmp_path: Path) -> None:
    async with rigs.rig(tmp_path, store_class=Counting) as rig:
        assert isinstance(rig.store, Counting)
        kept = await rig.worker.rejoin([(f"p{number}", 1) for number in range(1000)])
        await rig.settled()
        given_up = rig.store.given_up

    assert kept == []
    assert given_up == 0


async def test_a_worker_that_says_it_holds_more_than_any_can_is_sent_away(rig: Rig) -> None:
    with pytest.raises(PeerMisbehaved, match="more than"):
        await rig.worker.rejoin([(f"p{number}", 1) for number in range(MOST_HELD + 1)])


@pytest.mark.parametrize("seconds", NOT_FINITE)
async def test_a_time_that_is_no_number_spoils_nobodys_turn(rig: Rig, seconds: float) -> None:
    rig.worker.join()
    await rig.create()
    job = await rig.worker.job()
    with pytest.raises(PeerMisbehaved, match="makes no sense"):
        rig.worker.tell(job, ended=Ended("succeeded", None, "{}", seconds))
    await rig.settled()

    assert (await rig.get(job.id))["status"] == "starting"
