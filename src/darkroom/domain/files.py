"""What is known of a stored file, in spellings that headers, addresses and databases can hold."""

import re

_MOST_NAME = 100
_CONTENT_TYPE = re.compile(r"[\w.+-]{1,60}/[\w.+-]{1,60}(; ?charset=[\w-]{1,20})?", re.ASCII)
_PATH = re.compile(r"/|^\.{1,2}$")
_SHA256 = re.compile(r"[0-9a-f]{64}")


def is_file_name(text: str) -> bool:
    """Whether an output file may be called *text*: short, printable, no path."""
    return 0 < len(text) <= _MOST_NAME and text.isprintable() and not _PATH.search(text)


def is_content_type(text: str) -> bool:
    """Whether *text* has the form of a media type."""
    return _CONTENT_TYPE.fullmatch(text) is not None


def is_sha256(text: str) -> bool:
    """Whether *text* is such a digest, in hex."""
    return _SHA256.fullmatch(text) is not None
