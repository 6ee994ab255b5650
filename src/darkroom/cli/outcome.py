"""How a command ends: its exit code, its JSON or table, and what to tell when it failed."""

import json
import sys
from collections.abc import Sequence
from enum import IntEnum

from darkroom.domain.errors import (
    DarkroomError,
    InvalidIdentifier,
    InvalidSetting,
    NoServer,
    Refused,
)
from darkroom.domain.model import Json

_FAULT = "- "
"""How the wire begins the line of each fault of an input."""


class Exit(IntEnum):
    """What the process's exit code says; documented in docs/cli.md."""

    OK = 0
    FAILED = 1
    USAGE = 2  # words of the command line, an input or a setting are wrong
    NO_SERVER = 3
    NOT_AUTHORISED = 4
    PREDICTION_FAILED = 5
    PREDICTION_CANCELED = 6
    INTERRUPTED = 130  # as a shell says it: 128 and SIGINT


def exit_code(error: DarkroomError) -> Exit:
    """The exit code that tells what kind of failure this was."""
    match error:
        case InvalidSetting() | InvalidIdentifier():
            return Exit.USAGE
        case NoServer():
            return Exit.NO_SERVER
        case Refused(status=401 | 403):
            return Exit.NOT_AUTHORISED
        case Refused(status=400 | 422):
            return Exit.USAGE
        case _:
            return Exit.FAILED


def complain(sentence: str) -> None:
    """Tell on stderr what went wrong: on one line, but each of several faults on its own."""
    lines = sentence.strip().splitlines()
    if len(lines) > 1 and all(line.startswith(_FAULT) for line in lines):
        print(f"darkroom: {len(lines)} faults", *lines, sep="\n  ", file=sys.stderr)
    else:
        told = " ".join(sentence.split()).removeprefix(_FAULT)
        print(f"darkroom: {told}", file=sys.stderr)


def note(sentence: str) -> None:
    """Tell on stderr what a person may want to know."""
    print(sentence, file=sys.stderr)


def print_json(value: Json) -> None:
    """Print *value* alone on stdout."""
    print(json.dumps(value, indent=2, ensure_ascii=False))


def print_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print columns as wide as their widest cell; the last one runs on."""
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    for row in (heads, *rows):
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        print("  ".join(cells).rstrip())
