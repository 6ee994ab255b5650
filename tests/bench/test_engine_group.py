"""The whole group runs on tiny weights, and every figure that the document names comes out."""

import re
from collections.abc import Set
from importlib.util import find_spec
from pathlib import Path

import pytest
from bench.engine import group
from bench.engine.case import TINY, Effort
from bench.engine.gpu import CASES, no_device, words_of

PAGE = Path(__file__).parent.parent.parent / "docs" / "benchmarks.md"
PREFIX = re.compile(r"^tiny[,:] ")


def _documented() -> Set[str]:
    chapter = PAGE.read_text("utf-8").partition("## Group `engine`")[2]
    names = set(re.findall(r"^\| `([^`]+)` \|", chapter, re.MULTILINE))
    with_openvino = find_spec("openvino") is not None
    return {name for name in names if with_openvino or "OpenVINO" not in name}


@pytest.mark.timeout(300)  # ten processes that import torch, one after the other
def test_every_documented_figure_of_the_engine_comes_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    root = str(PAGE.parent.parent)
    monkeypatch.setenv("PYTHONPATH", root, prepend=":")
    effort = Effort(rounds=1, minutes=0.0, parts=group.PARTS, backends=group.backends())
    found = group.figures([TINY], effort)
    assert {PREFIX.sub("", figure.name) for figure in found} == _documented()


def test_without_a_device_the_version_of_torch_and_the_way_out_are_told() -> None:
    assert no_device("2.0+cpu").startswith("torch 2.0+cpu sees no CUDA device")


def test_cases_of_the_gpu_can_be_chosen() -> None:
    assert words_of(["--cases", "klein"]).cases == ["klein"]
    assert set(words_of([]).cases) == set(CASES)
