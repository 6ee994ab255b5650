"""One line of a check-up."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARN = "warn"  # it works, with less
    FAIL = "fail"  # something will not work until it is mended


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at, what was found, and what to do if it is not well."""

    level: Level
    subject: str
    line: str
    remedy: str = ""
