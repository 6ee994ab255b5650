"""Instants as the wire spells them."""

import time


def iso(ms: int) -> str:
    """Spell Unix milliseconds as `2025-07-30T02:15:51.786Z`: UTC, exactly three fraction digits."""
    seconds, rest = divmod(ms, 1000)
    year, month, day, hour, minute, second = time.gmtime(seconds)[:6]
    return f"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{rest:03}Z"
