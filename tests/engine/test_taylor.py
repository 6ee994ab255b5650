import pytest
import torch

from darkroom.engine.fast import computed_steps
from darkroom.engine.taylor import Taylor


@pytest.mark.parametrize(("total", "full"), [(28, 13), (30, 14), (20, 11), (10, 7), (4, 4), (1, 1)])
def test_as_many_steps_are_computed_as_the_original_computes(total: int, full: int) -> None:
    assert computed_steps(total) == full


def test_the_steps_between_lie_on_the_line_through_the_last_two_computed() -> None:
    taylor = Taylor(12)
    for step in (0, 1, 2, 4):
        assert taylor.at(step) is None
        taylor.keep(step, torch.tensor([3.0 * step + 1, -step]))
    guessed = taylor.at(6)
    assert guessed is not None
    assert torch.equal(guessed, torch.tensor([19.0, -6.0]))
