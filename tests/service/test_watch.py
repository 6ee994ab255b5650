"""A server is gone when its beat has stood still all the while somebody watched."""

from collections.abc import Sequence

import pytest

from darkroom.domain.ids import PredictionId, ServerId, WorkerId
from darkroom.ports.predictions import Holder, Lease, LiveAttempt
from darkroom.ports.twins import FairClocks, ServerBeat
from darkroom.service.watch import BEAT_SECONDS, Watch

ME, OTHER = ServerId("me"), ServerId("other")
SILENCE = 10.0
LEFT = LiveAttempt(
    prediction=PredictionId("p1"),
    attempt=1,
    lease=Lease(holder=Holder(worker=WorkerId("w"), incarnation=1)),
)


class Table:
    """Satisfies Servers, for the server called `me`."""

    def __init__(self) -> None:
        self.beats = {OTHER: 7}
        self.buried: list[ServerBeat] = []
        self.clocks: dict[ServerId, FairClocks] = {OTHER: {"default/echo/0": 7.5}}

    async def beat(self, fair_clocks: FairClocks) -> None:
        self.clocks[ME] = fair_clocks
        self.beats[ME] = self.beats.get(ME, 0) + 1

    async def known(self) -> Sequence[ServerBeat]:
        return [
            ServerBeat(server, beat, self.clocks[server]) for server, beat in self.beats.items()
        ]

    async def held_by(self, server: ServerId) -> Sequence[LiveAttempt]:
        return [LEFT] if server == OTHER else []

    async def bury(self, gone: ServerBeat) -> None:
        self.buried.append(gone)
        del self.beats[gone.server]


class Clock:
    now = 0.0

    def wall_ms(self) -> int:
        return 0

    def monotonic(self) -> float:
        return self.now


class Scene:
    def __init__(self) -> None:
        self.table, self.clock = Table(), Clock()
        self.watch = Watch(me=ME, servers=self.table, clock=self.clock, silence_seconds=SILENCE)

    async def rounds(self, seconds: float, *, alive: bool) -> Sequence[LiveAttempt]:
        """Watch for that long, a round every two seconds; returns what was left behind."""
        left: list[LiveAttempt] = []
        for _ in range(int(seconds / BEAT_SECONDS)):
            self.clock.now += BEAT_SECONDS
            if alive:
                self.table.beats[OTHER] += 1
            left += await self.watch.once()
        return left


@pytest.mark.fault(7)
async def test_a_silent_server_is_buried_once_and_its_attempts_are_told() -> None:
    scene = Scene()

    assert await scene.rounds(SILENCE, alive=False) == []
    assert await scene.rounds(2 * BEAT_SECONDS, alive=False) == [LEFT]
    assert scene.table.buried == [ServerBeat(OTHER, 7)]
    assert await scene.rounds(SILENCE * 2, alive=False) == []


async def test_a_server_that_beats_stays() -> None:
    scene = Scene()

    assert await scene.rounds(SILENCE * 5, alive=True) == []
    assert not scene.watch.alone
    assert scene.table.beats[ME] == 25


@pytest.mark.fault(21)
async def test_a_pause_of_the_watcher_or_the_database_buries_nobody() -> None:
    scene = Scene()
    await scene.rounds(4, alive=True)
    scene.clock.now += 3600

    assert await scene.rounds(SILENCE, alive=False) == []
    assert await scene.rounds(2 * BEAT_SECONDS, alive=False) == [LEFT]


async def test_whoever_is_left_knows_that_it_is_alone() -> None:
    scene = Scene()
    before = scene.watch.alone
    await scene.rounds(2, alive=True)
    in_company = scene.watch.alone
    await scene.rounds(SILENCE + 2 * BEAT_SECONDS, alive=False)

    assert (before, in_company, scene.watch.alone) == (False, False, True)


async def test_servers_agree_on_how_far_fair_queueing_has_come() -> None:
    scene = Scene()
    await scene.rounds(4, alive=True)

    assert scene.table.clocks[ME] == {"default/echo/0": 7.5}


async def test_a_server_is_met_when_it_is_seen_to_live_and_not_before() -> None:
    scene, met = Scene(), list[ServerId]()
    scene.watch = Watch(
        me=ME, servers=scene.table, clock=scene.clock, silence_seconds=SILENCE, met=met.append
    )
    await scene.rounds(2 * BEAT_SECONDS, alive=False)
    before = list(met)
    await scene.rounds(BEAT_SECONDS, alive=True)

    assert (before, met) == ([], [OTHER])
