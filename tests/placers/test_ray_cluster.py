"""Workers on a Ray cluster stay or come back: a process, a node, a driver or the head ends."""

import os
import signal
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from tests.placers import ray_rig
from tests.placers.ray_rig import Rig, running, settled, want
from tests.support.processes import alive

from darkroom.domain.errors import ClusterAway, InvalidSetting
from darkroom.ports.serving import PoolWant

pytestmark = pytest.mark.slow


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncGenerator[Rig]:
    async with ray_rig.cluster(tmp_path, gpus={"a": 2, "b": 2}) as made:
        yield made


async def test_each_worker_sees_a_gpu_of_its_own(rig: Rig) -> None:
    placer = rig.placer()
    await settled(placer, want(4), lambda: len(rig.told) == 4)
    await placer.reconcile(want(4))
    assert sorted(one.gpus for one in placer.keepers) == ["0", "0", "1", "1"]


async def test_what_finds_no_gpu_waits_and_is_counted_out(rig: Rig) -> None:
    placer = rig.placer()
    await settled(placer, want(5), lambda: len(rig.told) == 4)
    assert await placer.reconcile(want(5)) == {"default": 4}
    assert len(placer.keepers) == 5
    # One without a place can be let go like any other, once it has been silent long enough.
    await settled(placer, want(4), lambda: len(placer.keepers) == 4)


async def test_a_killed_worker_is_started_again_by_its_keeper(rig: Rig) -> None:
    placer = rig.placer()
    await settled(placer, want(1), lambda: rig.told)
    before = rig.told
    os.kill(before["default-1"], signal.SIGKILL)
    await settled(placer, want(1), lambda: rig.told != before)
    assert rig.told.keys() == {"default-1"}


async def test_a_killed_keeper_takes_its_worker_along_and_both_come_back(rig: Rig) -> None:
    placer = rig.placer()
    await settled(placer, want(1), lambda: rig.told)
    before = rig.told
    os.kill(ray_rig.parent(before["default-1"]), signal.SIGKILL)
    await settled(placer, want(1), lambda: rig.told != before and running(placer) == rig.told)
    assert not alive(before["default-1"])


@pytest.mark.fault(24)
async def test_a_second_driver_finds_the_workers_and_adds_none(rig: Rig) -> None:
    first, second = rig.placer(), rig.placer()
    await settled(first, want(2), lambda: len(rig.told) == 2)
    before = rig.told
    await first.close()
    await settled(second, want(2), lambda: running(second))
    assert running(second) == before
    third = rig.placer()
    await settled(third, want(3), lambda: len(running(third)) == 3)
    await settled(second, want(3), lambda: len(running(second)) == 3)
    assert running(second) == running(third)


async def test_the_busy_stay_when_some_must_go(rig: Rig) -> None:
    placer = rig.placer()
    await settled(placer, want(3), lambda: len(rig.told) == 3)
    busy = frozenset({"default-3"})
    fewer = {"default": PoolWant(workers=1, busy=busy)}
    await settled(placer, fewer, lambda: len(placer.keepers) == 1)
    assert running(placer).keys() == busy
    await settled(placer, want(2), lambda: len(running(placer)) == 2)
    assert running(placer).keys() == {"default-1", "default-3"}


async def test_stopping_drains_and_removes_every_worker_of_every_pool(rig: Rig) -> None:
    placer = rig.placer()
    both = {**want(1), "big-one": PoolWant(workers=1, gpus=2)}
    await settled(placer, both, lambda: len(rig.told) == 2)
    await placer.stop(10)
    assert not [pid for pid in rig.told.values() if alive(pid)]
    assert {path.name for path in rig.folder.glob("*.drained")} == {
        "default-1.drained",
        "big-one-1.drained",
    }


async def test_a_worker_gets_the_token_of_its_pool_from_its_node(
    rig: Rig, tmp_path_factory: pytest.TempPathFactory
) -> None:
    tokens = tmp_path_factory.mktemp("tokens")
    placer = rig.placer(tokens=tokens)
    await settled(placer, want(1), lambda: [one for one in placer.keepers if one.fault])
    assert str(tokens / "default") in (placer.keepers[0].fault or "")
    (tokens / "default").write_text("dkr_of_default\n")
    await settled(placer, want(1), lambda: rig.told)
    assert rig.fact("default-1").environment["DARKROOM_TOKEN"] == "dkr_of_default"


@pytest.mark.fault(24)
async def test_workers_of_a_lost_node_are_placed_again_elsewhere(rig: Rig) -> None:
    placer = rig.placer()
    await settled(placer, want(2), lambda: len(rig.told) == 2)
    await rig.tell("add", "c", 2)
    before = rig.told
    await rig.tell("remove", "a")
    await rig.tell("remove", "b")
    await settled(
        placer,
        want(2),
        lambda: not rig.told.items() & before.items() and running(placer) == rig.told,
    )
    assert not [pid for pid in before.values() if alive(pid)]


async def test_a_cluster_that_asks_for_no_token_is_refused(tmp_path: Path) -> None:
    everybody = {"RAY_AUTH_MODE": "disabled"}
    async with ray_rig.cluster(tmp_path, gpus={"a": 1}, environment=everybody) as rig:
        with pytest.raises(InvalidSetting, match="lets in whoever reaches it"):
            await rig.placer().reconcile(want(1))
        warned = rig.placer(open_allowed=True)
        await settled(warned, want(1), lambda: rig.told)


async def test_a_wrong_token_is_told_as_such(rig: Rig) -> None:
    with pytest.raises(InvalidSetting, match="does not take our token"):
        await rig.placer(ray_token="x" * 40).reconcile(want(1))


@pytest.mark.fault(24)
async def test_workers_outlive_the_head_and_a_head_that_kept_its_state_finds_them(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    kept = {
        "RAY_gcs_storage": "rocksdb",
        "RAY_gcs_storage_path": str(tmp_path_factory.mktemp("head")),
    }
    async with ray_rig.cluster(tmp_path, gpus={"a": 3}, environment=kept) as rig:
        placer = rig.placer()
        await settled(placer, want(1), lambda: rig.told)
        before = rig.told
        await rig.tell("kill head")
        with pytest.raises(ClusterAway, match="nobody answers"):
            await placer.reconcile(want(2))
        assert alive(before["default-1"])
        await rig.tell("start head")
        await settled(placer, want(2), lambda: len(running(placer)) == 2)
        assert running(placer)["default-1"] == before["default-1"]
        # Whoever comes anew finds them as well.
        another = rig.placer()
        await settled(another, want(2), lambda: running(another))
        assert running(another) == running(placer)


@pytest.mark.fault(24)
async def test_a_head_that_hangs_holds_nobody_up_and_is_asked_again(rig: Rig) -> None:
    placer = rig.placer(patience_seconds=3.0)
    await settled(placer, want(1), lambda: rig.told)
    before = rig.told
    await rig.tell("signal head", "SIGSTOP")
    await ray_rig.away(placer, want(2), "no answer within 3 s")
    await rig.tell("signal head", "SIGCONT")
    await settled(placer, want(2), lambda: len(running(placer)) == 2)
    assert running(placer)["default-1"] == before["default-1"]


@pytest.mark.fault(24)
async def test_workers_go_on_under_a_head_that_forgot_them(tmp_path: Path) -> None:
    async with ray_rig.cluster(tmp_path, gpus={"a": 2}) as rig:
        placer = rig.placer()
        await settled(placer, want(1), lambda: rig.told)
        before = rig.told
        await rig.tell("kill head")
        await rig.tell("start head")
        await ray_rig.away(placer, want(2), "WrongClusterID")
        assert alive(before["default-1"])
        assert rig.told == before
