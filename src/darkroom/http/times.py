"""Instants as the wire spells them."""

import time
from functools import lru_cache


def iso(ms: int) -> str:
    """Spell Unix milliseconds as `2025-07-30T02:15:51.786Z`: UTC, exactly three fraction digits."""
    seconds, rest = divmod(ms, 1000)
    return f"{_whole(seconds)}.{rest:03}Z"


@lru_cache(maxsize=256)
def _whole(seconds: int) -> str:
    """Of one answer, and of many in a row, most instants lie in the same second."""
    year, month, day, hour, minute, second = time.gmtime(seconds)[:6]
    return f"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}"
