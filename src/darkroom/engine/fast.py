"""Which steps `go_fast` computes; the others are extrapolated. No torch in here.

Source: github.com/replicate/cog-flux-kontext, flux/sampling.py.
"""

_ENDS = 3  # so many steps at either end are always computed
_EVERY = 3


def computed(step: int, total: int) -> bool:
    """Whether *step* of *total*, counted from 0, is computed in full.

    The first and last three are, and every third between them.
    """
    return step < _ENDS or step >= total - _ENDS or step % _EVERY == 1


def computed_steps(total: int) -> int:
    """How many of *total* steps are computed: 13 of 28, 14 of 30, 4 of 4."""
    return sum(computed(step, total) for step in range(total))
