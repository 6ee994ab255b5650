"""Workers are placed on a Ray cluster, one to a GPU, and go again; all in one short run."""

from pathlib import Path

import pytest
from tests.placers import ray_rig
from tests.placers.ray_rig import running, settled, want

from darkroom.domain.errors import ClusterAway
from darkroom.placers.ray import RayPlacer
from darkroom.placers.ray_driver import lets_strangers_in
from darkroom.placers.ray_talk import Begin


async def test_workers_get_a_gpu_each_and_go_when_none_is_wanted(tmp_path: Path) -> None:
    async with ray_rig.cluster(tmp_path, gpus={"a": 1, "b": 1}) as rig:
        placer = rig.placer()
        await settled(placer, want(2), lambda: len(rig.told) == 2)
        assert await placer.reconcile(want(2)) == {"default": 2}
        assert running(placer) == rig.told
        assert [one.gpus for one in placer.keepers] == ["0", "0"]  # one on each node
        environment = rig.fact("default-1").environment
        assert environment["CUDA_VISIBLE_DEVICES"] == "0"
        assert [name for name in environment if name.startswith("RAY_")] == []
        await settled(placer, want(0), lambda: not placer.keepers)
        assert (tmp_path / "default-1.drained").exists()
        assert (tmp_path / "default-2.drained").exists()


def test_a_cluster_is_not_taken_for_guarded_because_a_knock_came_to_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONHOME", str(tmp_path))  # the process that knocks cannot begin
    with pytest.raises(OSError, match="no answer without a token"):
        lets_strangers_in("127.0.0.1:1")


async def test_a_head_that_is_not_there_is_told_as_such() -> None:
    placer = RayPlacer(Begin(address="127.0.0.1:1", namespace="darkroom", command=()), {})
    with pytest.raises(ClusterAway, match="nobody answers"):
        await placer.reconcile(want(1))
