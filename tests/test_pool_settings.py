"""Pools in darkroom.yaml: sizes, times and names are checked when they are read."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from darkroom.domain.errors import InvalidSetting
from darkroom.domain.model import Json
from darkroom.settings import load


def test_a_pool_needs_a_largest_size_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "darkroom.yaml").write_text("pools: {default: {max: 4, resources: {h200: 1}}}")
    monkeypatch.chdir(tmp_path)
    pool = load({}).pools["default"]
    assert (pool.min, pool.max, pool.gpus, pool.cpus) == (0, 4, 1.0, 1.0)
    assert (pool.idle_seconds, pool.target_wait_seconds) == (300.0, 10.0)
    assert pool.resources == {"h200": 1.0}


def test_pools_may_be_given_as_json_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DARKROOM_POOLS", '{"default": {"max": 2, "idle": "90s"}}')
    assert load({}).pools["default"].idle_seconds == 90.0


@pytest.mark.parametrize(
    ("pool", "told"),
    [
        ({}, "pools.default.max is missing"),
        ({"min": 3, "max": 2}, "pools.default.max: must not be less than min"),
        ({"max": 1, "idle": "soon"}, "pools.default.idle: must be a time"),
        ({"max": 1, "idle": 90}, "pools.default.idle: must be a time"),
        ({"max": 1, "size": 1}, "pools.default.size: there is no such setting"),
        ({"max": 1, "gpus": -1}, "pools.default.gpus is -1; it must be at least 0"),
        ({"max": 1, "gpus": 1.5}, "pools.default.gpus: must be a whole number, or a part of one"),
        ({"max": 1, "gpus": 0.00001}, "pools.default.gpus: must have at most 4 digits"),
        ({"max": 1, "cpus": 1e300}, r"pools.default.cpus is 1e\+300; it must be at most 1000000"),
        ({"max": 1, "resources": {"a": -1}}, "default.resources.a is -1; it must be at least 0"),
        ({"max": 1, "resources": {"CPU": 1}}, "pools.default.resources: 'CPU' is no name of yours"),
        ({"max": 1, "resources": {"": 1}}, "pools.default.resources: the name '' must be of plain"),
    ],
)
def test_a_pool_that_makes_no_sense_is_refused(pool: Mapping[str, Json], told: str) -> None:
    with pytest.raises(InvalidSetting, match=told):
        load({"pools": {"default": pool}})


@pytest.mark.parametrize("name", ["local", "local-large"])
def test_a_name_whose_workers_would_be_refused_is_refused(name: str) -> None:
    with pytest.raises(InvalidSetting, match=f"pools: the name '{name}' is kept for workers"):
        load({"pools": {name: {"max": 1}}})


@pytest.mark.parametrize("gpus", [0, 0.25, 1, 8])
def test_gpus_may_be_none_some_or_a_part_of_one(gpus: float) -> None:
    assert load({"pools": {"default": {"max": 1, "gpus": gpus}}}).pools["default"].gpus == gpus


def test_a_pool_may_have_a_name_that_begins_alike() -> None:
    assert load({"pools": {"localized": {"max": 1}}}).pools["localized"].max == 1


def test_a_name_that_no_pool_may_have_is_refused() -> None:
    with pytest.raises(InvalidSetting, match="pools: the name 'Big' must be 1 to 40 lower-case"):
        load({"pools": {"Big": {"max": 1}}})
