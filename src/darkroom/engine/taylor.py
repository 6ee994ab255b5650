"""Steps that are extrapolated instead of computed: the TaylorSeer of `go_fast`, first order."""

from torch import Tensor

from darkroom.engine.fast import computed


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
