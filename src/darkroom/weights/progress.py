"""Progress of a download, about once a second."""

from collections.abc import Callable

from darkroom.domain.progress import line

_MEGABYTE = 1_000_000


class Meter:
    """Adds up bytes over several files and says so about once a second.

    Args:
        total: bytes in all.
        log: takes the lines.
        now: monotonic seconds.
    """

    def __init__(self, total: int, log: Callable[[str], None], now: Callable[[], float]) -> None:
        self._total = total
        self._log = log
        self._now = now
        self._began = now()
        self._told = self._began - 1.0
        self._said: int = -1
        self._before = 0
        self._current = 0

    def moved(self, current: int) -> None:
        """Note that *current* bytes of the file at hand are there."""
        self._current = current
        if self._now() - self._told >= 1.0:
            self.tell()

    def next_file(self) -> None:
        """Count the file at hand as done."""
        self._before += self._current
        self._current = 0

    def tell(self) -> None:
        """Say how far it is, unless that has been said."""
        done = self._before + self._current
        if done == self._said:
            return
        self._told, self._said = self._now(), done
        megabytes = done / _MEGABYTE, max(self._total, done) / _MEGABYTE
        self._log(line(*megabytes, self._told - self._began, unit="MB"))
