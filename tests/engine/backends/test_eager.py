"""The eager backend computes what the modules compute, however many rows it is asked for."""

import pytest
import torch
from tests.engine.backends.conftest import Loaded
from tests.engine.backends.families import ALL, DENOISERS, Case

from darkroom.domain.families import Family
from darkroom.engine.backends.eager import EagerBackend

EQUAL = 1e-5
"""In float32; the values are below 10."""


@pytest.mark.parametrize(("family", "case"), ALL)
def test_a_part_gives_what_the_module_gives(family: Family, case: Case, loaded: Loaded) -> None:
    inputs = case.inputs(2)
    with torch.inference_mode():
        expected = case.call(loaded(family, torch.float32))(*inputs)
    part = EagerBackend(print).part(case.name, case.call(loaded(family, torch.float32)))
    assert part.batches is None
    torch.testing.assert_close(part(*inputs), expected, atol=EQUAL, rtol=0)


@pytest.mark.parametrize(("family", "case"), DENOISERS)
def test_with_a_fixed_number_of_rows_a_row_is_the_same_whoever_its_neighbours_are(
    family: Family, case: Case, loaded: Loaded
) -> None:
    call = case.call(loaded(family, torch.float32))
    part = EagerBackend(print, batches=(4,)).denoiser(call)
    five = case.inputs(5)
    together = part(*five)
    for row in range(5):
        assert torch.equal(part(*[one[row : row + 1] for one in five])[0], together[row])


def test_what_is_warmed_is_told(loaded: Loaded) -> None:
    lines: list[str] = []
    backend = EagerBackend(lines.append, batches=(1, 2), clock=iter(range(9)).__next__)
    family, case = DENOISERS[0]
    part = backend.denoiser(case.call(loaded(family, torch.float32)))
    backend.warm(part, *case.inputs(1))
    assert lines == [
        "Warmed the denoiser for 1 row(s) of 4 x 8 x 12 in 1.0 s.",
        "Warmed the denoiser for 2 row(s) of 4 x 8 x 12 in 1.0 s.",
    ]
