"""What is known of a stored file, in spellings that headers, addresses and databases can hold."""

import re

_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}")
_CONTENT_TYPE = re.compile(r"[\w.+-]{1,60}/[\w.+-]{1,60}(; ?charset=[\w-]{1,20})?", re.ASCII)
_SHA256 = re.compile(r"[0-9a-f]{64}")


def is_file_name(text: str) -> bool:
    """Whether an output file may be called *text*: no path, nothing hidden, plain letters."""
    return _NAME.fullmatch(text) is not None


def is_content_type(text: str) -> bool:
    """Whether *text* has the form of a media type."""
    return _CONTENT_TYPE.fullmatch(text) is not None


def is_sha256(text: str) -> bool:
    """Whether *text* is such a digest, in hex."""
    return _SHA256.fullmatch(text) is not None
