"""Progress of a download as lines that tools which read tqdm understand."""

from collections.abc import Callable

_BAR = 10
_MEGABYTE = 1_000_000


def bar_line(done: int, total: int, seconds: float) -> str:
    """One line shaped as tqdm's, such as ` 45%|####5     | 1550/3440 MB [00:10<00:12, 150MB/s]`.

    Args:
        done: bytes so far.
        total: bytes in all.
        seconds: since the first byte.

    >>> bar_line(1_550_000_000, 3_440_000_000, 10.33)
    ' 45%|####5     | 1550/3440 MB [00:10<00:12, 150MB/s]'
    """
    share = min(1.0, done / total) if total else 1.0
    tenths = int(share * _BAR * 10)
    bar = "#" * (tenths // 10) + (str(tenths % 10) if tenths % 10 else "")
    rate = done / seconds if seconds > 0 else 0.0
    left = _clock((total - done) / rate) if rate else "?"
    speed = f"{rate / _MEGABYTE:.{0 if rate >= 10 * _MEGABYTE else 1}f}" if rate else "?"
    amount = f"{done // _MEGABYTE}/{total // _MEGABYTE} MB"
    return f"{int(share * 100):3d}%|{bar:<{_BAR}}| {amount} [{_clock(seconds)}<{left}, {speed}MB/s]"


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
        self._log(bar_line(done, max(self._total, done), self._told - self._began))


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes:02d}:{rest:02d}"
