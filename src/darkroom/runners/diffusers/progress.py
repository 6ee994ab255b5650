"""Progress of a run, a line for each step."""

from collections.abc import Callable

from darkroom.domain.progress import line


class Progress:
    """Writes one line for each step.

    Args:
        log: takes a line.
        clock: seconds that never jump.
    """

    def __init__(self, log: Callable[[str], None], clock: Callable[[], float]) -> None:
        self._log = log
        self._clock = clock
        self._started = clock()

    def tell(self, done: int, total: int) -> None:
        """Write how far it is: *done* steps of *total*, both 1 or more."""
        self._log(line(done, total, self._clock() - self._started))
