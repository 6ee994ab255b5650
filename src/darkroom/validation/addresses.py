"""Which strings count as addresses. Lenient, since clients send spaces and letters of any script.

Source: Replicate's answers follow Go's `url.Parse`, which wants a scheme and no control
characters, and gojsonschema's `uri` format, which also refuses a backslash.
"""

import re

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_REFUSED = re.compile(r"[\x00-\x1f\x7f\\]")
_WEB = re.compile(r"https?://[^\x00-\x20\x7f\\/?#]+(?:[/?#][^\x00-\x20\x7f\\]*)?", re.IGNORECASE)
_LOOKED_AT = 8192
_LONGEST_WEB = 65_536


def is_uri(text: str) -> bool:
    """Whether *text* is an absolute URI; of a long one only the beginning is looked at."""
    if text.startswith("data:"):
        return True
    return _SCHEME.match(text) is not None and _REFUSED.search(text, 0, _LOOKED_AT) is None


def is_web_address(text: str) -> bool:
    """Whether *text* is an http or https URL with a host, of at most 65,536 characters."""
    return len(text) <= _LONGEST_WEB and _WEB.fullmatch(text) is not None
