"""What a key looks like, whatever keeps its bytes."""

import re

_PART = r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}"
_KEY = re.compile(rf"{_PART}(/{_PART}){{0,7}}")


def checked(key: str) -> str:
    """*key* itself.

    Raises:
        ValueError: it is not a key: relative, of plain characters, no part beginning with a dot.
    """
    if _KEY.fullmatch(key) is None:
        raise ValueError(f"{key[:200]!r} is not a key of a file")
    return key
