"""OpenVINO computes what the modules compute, in any shape, and keeps what it converted.

Converting takes some seconds for each part, so all but the denoisers are slow tests.
"""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from tests.engine.backends.conftest import Loaded
from tests.engine.backends.families import ALL, Case, told
from torch import Tensor, nn

from darkroom.domain.errors import InvalidSetting
from darkroom.domain.families import Family
from darkroom.engine.backends.eager import channels_last
from darkroom.engine.backends.openvino import OpenVinoBackend

EQUAL = 2e-5
"""In float32, of values below 5; what was measured is at most 1.3e-5, of the VAEs."""

NEAR = 0.05
"""In bfloat16, as a part of the largest value; what was measured is at most 0.039."""

slow = pytest.mark.slow
QUICK = [one if one[1].denoiser else pytest.param(*one, marks=slow) for one in ALL]
NAMES = [told(*one) for one in ALL]


@pytest.mark.parametrize(("family", "case"), QUICK, ids=NAMES)
def test_a_part_gives_what_the_module_gives_in_any_shape(
    family: Family, case: Case, loaded: Loaded
) -> None:
    lines: list[str] = []
    call = case.call(loaded(family, torch.float32))
    part = OpenVinoBackend(torch.float32, lines.append, None).part(case.name, call)
    for inputs in (case.inputs(2), case.larger(3), case.inputs(1)):
        with torch.inference_mode():
            expected = call(*inputs)
        torch.testing.assert_close(part(*inputs), expected, atol=EQUAL, rtol=0)
    assert [line.rpartition(" in ")[0] for line in lines] == [
        f"Converted the {case.name} for OpenVINO"
    ]


@slow
@pytest.mark.parametrize(("family", "case"), ALL, ids=NAMES)
def test_in_bfloat16_a_part_is_near_the_module(family: Family, case: Case, loaded: Loaded) -> None:
    call = case.call(loaded(family, torch.bfloat16))
    inputs = [one.bfloat16() if one.ndim > 1 and one.is_floating_point() else one
              for one in case.inputs(2)]  # fmt: skip
    with torch.inference_mode():
        expected = call(*inputs)
    given = OpenVinoBackend(torch.bfloat16, print, None).part(case.name, call)(*inputs)
    assert given.dtype is torch.bfloat16
    far = (given.float() - expected.float()).abs().max() / expected.float().abs().max()
    assert far < NEAR


class Doubled(nn.Module):
    """Stands for a model where only the way of its weights and inputs counts."""

    def __init__(self, times: float) -> None:
        super().__init__()
        self.times = nn.Parameter(torch.tensor([times]))

    def forward(self, rows: Tensor) -> Tensor:
        return rows * self.times


class Unconvertible(nn.Module):
    def forward(self, rows: Tensor) -> Tensor:
        return torch.polygamma(1, rows)


ROWS = torch.arange(6.0).reshape(3, 2)


def test_what_was_converted_is_kept_until_the_weights_change(tmp_path: Path) -> None:
    lines: list[str] = []
    for times in (2.0, 2.0, 3.0):
        backend = OpenVinoBackend(torch.float32, lines.append, tmp_path / "kept")
        assert torch.equal(backend.denoiser(Doubled(times))(ROWS), ROWS * times)
    did = [line.split()[0] for line in lines]
    assert did == ["Converted", "Read", "Converted"]
    assert len(list((tmp_path / "kept").iterdir())) == 2


def test_what_openvino_cannot_convert_pytorch_computes_and_the_log_says_so() -> None:
    lines: list[str] = []
    part = OpenVinoBackend(torch.float32, lines.append, None).part("gamma", Unconvertible())
    for _ in range(2):
        torch.testing.assert_close(part(ROWS), torch.polygamma(1, ROWS))
    assert len(lines) == 1
    assert lines[0].startswith("OpenVINO cannot compute the gamma (")
    assert lines[0].endswith("); PyTorch computes it.")


@pytest.mark.parametrize(("dtype", "width"), [(torch.float32, 4), (torch.bfloat16, 2)])
def test_what_a_graph_takes_besides_the_module_is_counted(dtype: torch.dtype, width: int) -> None:
    backend = OpenVinoBackend(dtype, print, None)
    assert backend.copied_bytes == 0
    linear = nn.Linear(64, 64, bias=False).to(dtype).eval()
    backend.part("linear", linear)(torch.ones(3, 64, dtype=dtype))
    assert 64 * 64 * width <= backend.copied_bytes < 1.1 * 64 * 64 * width
    before = backend.copied_bytes
    backend.part("gamma", Unconvertible())(ROWS)
    assert backend.copied_bytes == before


def test_a_graph_that_was_torn_is_converted_again(tmp_path: Path) -> None:
    lines: list[str] = []
    for _ in range(2):
        backend = OpenVinoBackend(torch.float32, lines.append, tmp_path / "kept")
        assert torch.equal(backend.denoiser(Doubled(2.0))(ROWS), ROWS * 2)
        (file,) = (tmp_path / "kept").rglob("model.bin")
        file.unlink()  # the first backend still reads the old one
        file.write_bytes(b"")
    assert [line.split()[0] for line in lines] == ["Converted", "Converted"]


def test_a_graph_that_cannot_be_kept_is_used_and_the_log_says_so(tmp_path: Path) -> None:
    (tmp_path / "kept").write_bytes(b"a file in the way")
    lines: list[str] = []
    backend = OpenVinoBackend(torch.float32, lines.append, tmp_path / "kept")
    assert torch.equal(backend.denoiser(Doubled(2.0))(ROWS), ROWS * 2)
    assert lines[0].startswith(f"What OpenVINO converts cannot be kept in {tmp_path / 'kept'} (")
    assert lines[1].startswith("Converted the denoiser for OpenVINO")


class Branching(nn.Module):
    """Looks at values, which a trace takes for granted."""

    def forward(self, rows: Tensor) -> Tensor:
        return rows * 2 if float(rows.sum()) > 20 else rows * 3


def test_a_graph_that_computes_something_else_is_not_used_and_the_log_says_so() -> None:
    lines: list[str] = []
    part = OpenVinoBackend(torch.float32, lines.append, None).part("branch", Branching())
    assert torch.equal(part(ROWS), ROWS * 3)
    [line] = lines
    assert line.startswith("OpenVINO cannot compute the branch (its result is ")
    assert line.endswith(" of the largest value away); PyTorch computes it.")


def test_weights_in_bfloat16_are_read_in_any_layout() -> None:
    convolution = nn.Conv2d(3, 8, 3).to(torch.bfloat16).eval()
    rows = torch.linspace(-1, 1, 2 * 3 * 64).reshape(2, 3, 8, 8).bfloat16()
    with torch.inference_mode():
        expected = convolution(rows)
    lines: list[str] = []
    turned = channels_last(convolution)
    given = OpenVinoBackend(torch.bfloat16, lines.append, None).part("turned", turned)(rows)
    torch.testing.assert_close(given, expected, atol=NEAR, rtol=NEAR)
    assert lines[0].startswith("Converted the turned for OpenVINO")


def test_with_a_fixed_number_of_rows_every_call_has_it() -> None:
    backend = OpenVinoBackend(torch.float32, print, None, batches=(2,))
    part = backend.denoiser(Doubled(2.0))
    assert part.batches == (2,)
    assert torch.equal(part(ROWS), ROWS * 2)


def test_no_report_of_use_is_made() -> None:
    program = (
        "import sys\n"
        "from darkroom.engine.backends.openvino_library import library\n"
        "library()\n"
        "assert 'openvino.tools.ovc' in sys.modules\n"
        "print([name for name, one in sys.modules.items() if one and 'telemetry' in name])"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert "openvino_telemetry" not in run.stdout


def test_without_the_package_the_setting_is_refused_with_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(InvalidSetting, match=r"not installed; .*'\.\[openvino\]'"):
        OpenVinoBackend(torch.float32, print, None)
