"""The eager backend computes what the modules compute, however many rows it is asked for."""

import pytest
import torch
from tests.engine.backends.conftest import Loaded
from tests.engine.backends.families import ALL, DENOISERS, Case, told

from darkroom.domain.families import Family
from darkroom.engine.backends.eager import EagerBackend

EQUAL = 1e-5
"""In float32; the values are below 10."""


@pytest.mark.parametrize(("family", "case"), ALL, ids=[told(*one) for one in ALL])
def test_a_part_gives_what_the_module_gives(family: Family, case: Case, loaded: Loaded) -> None:
    inputs = case.inputs(2)
    with torch.inference_mode():
        expected = case.call(loaded(family, torch.float32))(*inputs)
    part = EagerBackend(print).part(case.name, case.call(loaded(family, torch.float32)))
    assert part.batches is None
    torch.testing.assert_close(part(*inputs), expected, atol=EQUAL, rtol=0)


@pytest.mark.parametrize(("family", "case"), DENOISERS, ids=[told(*one) for one in DENOISERS])
def test_with_a_fixed_number_of_rows_a_row_is_the_same_whoever_its_neighbours_are(
    family: Family, case: Case, loaded: Loaded
) -> None:
    call = case.call(loaded(family, torch.float32))
    part = EagerBackend(print, batches=(4,)).denoiser(call)
    five = case.inputs(5)
    together = part(*five)
    for row in range(5):
        assert torch.equal(part(*[one[row : row + 1] for one in five])[0], together[row])
