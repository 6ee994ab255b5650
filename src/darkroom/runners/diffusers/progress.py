"""Progress lines in the shape of tqdm's, which clients look for in logs.

Source: github.com/replicate/replicate-javascript, lib/util.js, `parseProgressFromLogs`.
"""

from collections.abc import Callable

_CELLS = 10


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
        self._log(progress_line(done, total, self._clock() - self._started))


def progress_line(done: int, total: int, seconds: float) -> str:
    """Spell a line such as ` 48%|####8     | 12/25 [00:03<00:03,  3.9it/s]`."""
    left = seconds / done * (total - done)
    spans = f"{_span(seconds)}<{_span(left)}, {_rate(done, seconds)}"
    return f"{100 * done // total:3d}%|{_bar(done, total)}| {done}/{total} [{spans}]"


def _bar(done: int, total: int) -> str:
    full, tenths = divmod(done * _CELLS * 10 // total, 10)
    return ("#" * full + (str(tenths) if tenths else "")).ljust(_CELLS)


def _span(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes:02d}:{rest:02d}"


def _rate(done: int, seconds: float) -> str:
    if not seconds:
        return "?it/s"
    return f"{done / seconds:5.2f}it/s" if done >= seconds else f"{seconds / done:5.2f}s/it"
