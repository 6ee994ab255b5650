"""What a worker with a token of its pool may tell, and what it cannot do to others by it."""

import math
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from tests.support import rig as rigs
from tests.support.rig import Rig

from darkroom.domain.errors import PeerMisbehaved
from darkroom.protocol.messages import Ended

NOT_FINITE = [math.nan, math.inf, -math.inf]


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncGenerator[Rig]:
    async with rigs.rig(tmp_path) as made:
        yield made


@pytest.mark.parametrize("seconds", NOT_FINITE)
async def test_a_time_that_is_no_number_spoils_nobodys_turn(rig: Rig, seconds: float) -> None:
    rig.worker.join()
    await rig.create()
    job = await rig.worker.job()
    with pytest.raises(PeerMisbehaved, match="makes no sense"):
        rig.worker.tell(job, ended=Ended("succeeded", None, "{}", seconds))
    await rig.settled()

    assert (await rig.get(job.id))["status"] == "starting"
