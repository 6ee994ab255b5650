"""Compiled blocks compute what the modules compute. The compiler here needs no C++."""

from collections.abc import Callable

import pytest
import torch
from tests.engine.backends.conftest import Loaded
from tests.engine.backends.families import DENOISERS, Case, told

from darkroom.domain.families import Family
from darkroom.engine.backends.compiled import CompiledBackend

EQUAL = 1e-5


def no_lines(line: str) -> None:
    raise AssertionError(line)


@pytest.mark.parametrize(("family", "case"), DENOISERS, ids=[told(*one) for one in DENOISERS])
def test_compiled_blocks_give_what_the_module_gives_in_any_number_of_rows(
    family: Family, case: Case, loaded: Loaded
) -> None:
    plain = case.call(loaded(family, torch.float32))
    backend = CompiledBackend(no_lines, batches=(1, 2), compiler="aot_eager")
    part = backend.denoiser(case.call(loaded(family, torch.float32)))
    for rows in (1, 3):
        for inputs in (case.inputs(rows), case.larger(rows)):
            with torch.inference_mode():
                expected = plain(*inputs)
            torch.testing.assert_close(part(*inputs), expected, atol=EQUAL, rtol=0)


def test_what_cannot_be_compiled_is_computed_as_it_is_and_told(loaded: Loaded) -> None:
    def refuse(*_: object) -> Callable[..., object]:
        raise RuntimeError("there is no C++ compiler")

    lines: list[str] = []
    family, case = DENOISERS[0]
    plain = case.call(loaded(family, torch.float32))
    part = CompiledBackend(lines.append, batches=(1,), compiler=refuse).denoiser(
        case.call(loaded(family, torch.float32))
    )
    with torch.inference_mode():
        expected = plain(*case.inputs(1))
    for _ in range(2):
        torch.testing.assert_close(part(*case.inputs(1)), expected, atol=EQUAL, rtol=0)
    assert len(lines) == 1
    assert lines[0].startswith("The denoiser is not compiled for (1, 4, 8, 12) (")
    assert "there is no C++ compiler" in lines[0]


@pytest.mark.gpu
@pytest.mark.parametrize(("family", "case"), DENOISERS, ids=[told(*one) for one in DENOISERS])
def test_a_card_computes_the_same_compiled(family: Family, case: Case, loaded: Loaded) -> None:
    plain = case.call(loaded(family, torch.float32)).to("cuda")
    backend = CompiledBackend(no_lines, batches=(1, 2))
    part = backend.denoiser(case.call(loaded(family, torch.float32)).to("cuda"))
    inputs = [one.to("cuda") for one in case.inputs(3)]
    with torch.inference_mode():
        expected = plain(*inputs)
    torch.testing.assert_close(part(*inputs), expected, atol=1e-3, rtol=1e-3)
