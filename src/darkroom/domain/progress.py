"""Progress lines in the shape of tqdm's, which clients look for in a prediction's log.

Source: github.com/replicate/replicate-javascript, lib/util.js, `parseProgressFromLogs`.
"""

import re
from dataclasses import dataclass

_CELLS = 10
_LINE = re.compile(r"\s*(\d{1,3})%\s*\|[^|]+\|\s*(\d{1,18})/(\d{1,18})(?!\d)")


@dataclass(frozen=True, slots=True)
class Bar:
    """How far a run or a download says it is."""

    percent: int
    done: int
    total: int


def line(done: float, total: float, seconds: float, *, unit: str = "") -> str:
    """Spell how far something is, without a newline.

    Args:
        done: so many of *total*; both are shown without their fractions.
        total: nothing counts as complete.
        seconds: since it began.
        unit: what is counted, such as MB; steps have none.

    >>> line(12, 25, 3.1)
    ' 48%|####8     | 12/25 [00:03<00:03,  3.87it/s]'
    >>> line(1550.2, 3440, 10.33, unit="MB")
    ' 45%|####5     | 1550/3440 MB [00:10<00:12, 150.07MB/s]'
    """
    percent = int(100 * min(1.0, done / total)) if total else 100
    full, tenth = divmod(percent, _CELLS)
    bar = "#" * full + (str(tenth) if tenth else "")
    amount = f"{int(done)}/{int(total)}" + (f" {unit}" if unit else "")
    left = span(seconds / done * (total - done)) if done and seconds > 0 else "?"
    spans = f"{span(seconds)}<{left}, {_rate(done, seconds, unit)}"
    return f"{percent:3d}%|{bar:<{_CELLS}}| {amount} [{spans}]"


def parse(text: str) -> Bar | None:
    """Read a line of a log, whoever wrote it; None if it tells no progress.

    >>> parse(" 48%|####8     | 12/25 [00:03<00:03,  3.87it/s]")
    Bar(percent=48, done=12, total=25)
    """
    found = _LINE.match(text)
    return Bar(*map(int, found.groups())) if found else None


def span(seconds: float) -> str:
    """Minutes and seconds, with hours before them if there are any.

    >>> span(3700.9)
    '1:01:40'
    """
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes:02d}:{rest:02d}"


def _rate(done: float, seconds: float, unit: str) -> str:
    if not done or seconds <= 0:
        return f"?{unit or 'it'}/s"
    if unit or done >= seconds:
        return f"{done / seconds:5.2f}{unit or 'it'}/s"
    return f"{seconds / done:5.2f}s/it"  # a slow step is told by how long it takes
