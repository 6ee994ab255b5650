"""What an operator may set of the engine, told at start if it makes no sense."""

from pathlib import Path
from typing import get_args

import pytest

from darkroom.compose.worker import make_options
from darkroom.domain.errors import InvalidSetting
from darkroom.engine.settings import BackendChoice, Precision, read_settings
from darkroom.engine_settings import EngineFields
from darkroom.settings import load
from darkroom.worker.lines import UnixConnector


@pytest.mark.parametrize(
    ("setting", "choices"), [("engine_backend", BackendChoice), ("engine_dtype", Precision)]
)
def test_the_choices_are_those_of_the_engine(
    setting: str, choices: type[BackendChoice | Precision]
) -> None:
    assert list(get_args(EngineFields.model_fields[setting].annotation)) == list(choices)


@pytest.mark.parametrize(
    ("setting", "value", "told"),
    [
        ("engine_backend", "tpu", "'tpu'; it must be 'auto', 'eager', 'compile' or 'openvino'"),
        ("engine_dtype", "int8", "'int8'; it must be 'auto', 'float32', 'bfloat16' or 'float16'"),
        ("engine_batches", "1,many", "must be whole numbers from 1 to 64"),
        ("engine_batches", 100, "must be whole numbers from 1 to 64"),
        ("engine_reproducible_rows", 65, "is 65; it must be at most 64"),
    ],
)
def test_a_value_that_makes_no_sense_is_told_with_the_choices(
    setting: str, value: str | int, told: str
) -> None:
    with pytest.raises(InvalidSetting, match=f"{setting}.*{told}"):
        load({setting: value})


@pytest.mark.parametrize("value", ["4, 1,2", [4, 1, 2]])
def test_sizes_of_batches_may_be_a_list_or_have_commas(value: str | list[int]) -> None:
    assert load({"engine_batches": value}).engine_batches == (1, 2, 4)


def test_a_host_is_told_what_is_set(tmp_path: Path) -> None:
    settings = load({"engine_dtype": "bfloat16", "engine_batches": 4, "data_dir": str(tmp_path)})
    options = make_options(settings, UnixConnector(tmp_path / "socket"), "w0", 1, tmp_path)
    told = read_settings(options.host_environment)
    assert (told.dtype, told.batches) == (Precision.BFLOAT16, (4,))
    assert told.cache == tmp_path / "cache" / "engine"
