"""What the operator set reaches a host unchanged; what makes no sense is refused in words."""

from pathlib import Path

import pytest

from darkroom.domain.errors import InvalidSetting
from darkroom.engine.settings import BackendChoice, EngineSettings, Precision, read_settings


def test_nothing_set_leaves_everything_at_its_default() -> None:
    assert read_settings({"PATH": "/bin"}) == EngineSettings()


def test_what_is_set_is_read_again_as_it_was() -> None:
    here = EngineSettings(
        backend=BackendChoice.OPENVINO,
        dtype=Precision.BFLOAT16,
        batches=(1, 4),
        reproducible_rows=4,
        memory_bytes=10**10,
        cache=Path("/data/cache"),
    )
    assert read_settings(here.variables()) == here


def test_sizes_of_batches_are_put_in_order() -> None:
    assert read_settings({"DARKROOM_ENGINE_BATCHES": " 8, 1,2,8"}).batches == (1, 2, 8)


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("BACKEND", "tensorrt", "one of auto, eager, compile, openvino"),
        ("DTYPE", "int8", "one of auto, float32, bfloat16, float16"),
        ("BATCHES", "1,two", "whole numbers from 1 to 64 with commas"),
        ("BATCHES", "0,1", "whole numbers from 1 to 64 with commas"),
        ("REPRODUCIBLE_ROWS", "65", "a whole number from 0 to 64"),
        ("MEMORY_BYTES", "-1", "a whole number from 0 on"),
    ],
)
def test_a_value_that_makes_no_sense_is_refused_with_the_choices(
    name: str, value: str, told: str
) -> None:
    with pytest.raises(InvalidSetting, match=rf"DARKROOM_ENGINE_{name} is '{value}'; .*{told}"):
        read_settings({f"DARKROOM_ENGINE_{name}": value})
