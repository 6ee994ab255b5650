"""Steps that are extrapolated instead of computed: the TaylorSeer of `go_fast`, first order.

Source: github.com/replicate/cog-flux-kontext, flux/sampling.py.
"""

from torch import Tensor

_ENDS = 3  # so many steps at either end are always computed
_EVERY = 3


def computed(step: int, total: int) -> bool:
    """Whether *step* of *total*, counted from 0, is computed in full.

    The first and last three are, and every third between them: 13 of 28, 14 of 30, 4 of 4.
    """
    return step < _ENDS or step >= total - _ENDS or step % _EVERY == 1


class Taylor:
    """The line through the last two computed outputs of one row.

    Args:
        total: steps in all.
    """

    def __init__(self, total: int) -> None:
        self._total = total
        self._kept: list[tuple[int, Tensor]] = []

    def keep(self, step: int, output: Tensor) -> None:
        """Note what the denoiser gave at *step*."""
        self._kept = [*self._kept[-1:], (step, output)]

    def at(self, step: int) -> Tensor | None:
        """What it would give at *step*; None if that is to be computed."""
        if computed(step, self._total):
            return None
        (before, early), (last, late) = self._kept
        return late + (late - early) * ((step - last) / (last - before))
