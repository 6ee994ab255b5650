"""Spans of time as people write them: `90s`, `15m`, `12h`, `30d`."""

import re

_SPAN = re.compile(r"([1-9][0-9]{0,8})([smhd])")
_UNIT_MS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


def milliseconds(text: str) -> int | None:
    """The length of the span *text*; None if it is none. There is no span of length zero."""
    matched = _SPAN.fullmatch(text)
    if matched is None:
        return None
    count, unit = matched.groups()
    return int(count) * _UNIT_MS[unit]
