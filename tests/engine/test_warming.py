"""What a backend compiles is compiled before the model counts as loaded, and told."""

from pathlib import Path

import pytest
import torch

from darkroom.domain.families import Family
from darkroom.engine.backends.compiled import CompiledBackend
from darkroom.engine.backends.interface import Trial
from darkroom.engine.backends.openvino import OpenVinoBackend
from darkroom.engine.device import Device
from darkroom.engine.interface import NoRoom
from darkroom.engine.loading import load_engine
from darkroom.engine.warming import warm

# Some schedules of diffusers hand a tensor to numpy in a way that numpy 2 will not take.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

CPU = Device(torch.device("cpu"), torch.float32)


@pytest.mark.parametrize("family", [Family.STABLE_DIFFUSION])
def test_every_number_of_rows_is_compiled_and_told(
    family: Family, tiny: dict[Family, Path]
) -> None:
    lines: list[str] = []
    clock = iter(range(9)).__next__
    backend = CompiledBackend(lines.append, (1, 2), compiler="aot_eager", clock=clock)
    warm(load_engine(family, tiny[family], CPU, backend, threads=1), family, backend)
    assert lines == ["Compiled for 1 row(s) in 1.0 s.", "Compiled for 2 row(s) in 1.0 s."]


@pytest.mark.parametrize("family", [Family.STABLE_DIFFUSION, *(
    pytest.param(family, marks=pytest.mark.slow)
    for family in (Family.FLUX_KONTEXT, Family.FLUX2_KLEIN)
)])  # fmt: skip
def test_openvino_has_converted_every_part_and_finds_them_at_the_next_start(
    family: Family, tiny: dict[Family, Path], tmp_path: Path
) -> None:
    starts: list[list[str]] = []
    for _ in range(2):
        lines: list[str] = []
        backend = OpenVinoBackend(torch.float32, lines.append, tmp_path)
        engine = load_engine(family, tiny[family], CPU, backend, threads=1)
        warm(engine, family, backend)
        assert engine.weights_bytes / 2 < backend.copied_bytes < 2 * engine.weights_bytes
        starts.append([line.rpartition(" for OpenVINO")[0] for line in lines])
    assert {"Converted the denoiser", "Converted the encoder", "Converted the decoder"} <= {
        *starts[0]
    }
    assert starts[1] == [line.replace("Converted", "Read") for line in starts[0]]


def test_a_device_without_room_for_so_many_rows_is_warmed_for_fewer() -> None:
    tried: list[int] = []

    def trial(rows: int, *, small: bool) -> None:
        assert not small
        tried.append(rows)
        if rows > 2:
            raise NoRoom

    lines: list[str] = []
    given: Trial = trial
    CompiledBackend(lines.append, (1, 2, 4, 8)).warm(given)
    assert tried == [1, 2, 4]
    assert lines[-1] == "The device has no room for 4 row(s) at once."


def test_a_device_without_room_for_a_single_row_is_told() -> None:
    def trial(rows: int, *, small: bool) -> None:
        raise NoRoom(f"{rows} {small}")

    lines: list[str] = []
    with pytest.raises(NoRoom):
        CompiledBackend(lines.append, (1, 2)).warm(trial)
    assert lines == []
