"""`darkroom` whose clocks a test turns: `SKEW=file python -m tests.faults.skewed serve`.

The file holds by how many milliseconds the wall clocks of the server and of its database are wrong.
"""

import os
import sqlite3
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import cast

from darkroom.cli.app import main
from darkroom.store.statements import SQLITE

_TURNED = f"({SQLITE.now} + skew())"


def skew_ms() -> int:
    return int(Path(os.environ["SKEW"]).read_text())


class Skewed(sqlite3.Connection):
    """Tells the wrong time in every statement that asks for it."""

    def __init__(self, *words: object, **more: object) -> None:
        cast("Callable[..., None]", super().__init__)(*words, **more)
        self.create_function("skew", 0, skew_ms)

    def execute(self, sql: str, *parameters: object) -> sqlite3.Cursor:
        run = cast("Callable[..., sqlite3.Cursor]", super().execute)
        return run(sql.replace(SQLITE.now, _TURNED), *parameters)


def turned(clock: Callable[[], int]) -> int:
    """Nanoseconds of *clock*, turned."""
    return clock() + skew_ms() * 1_000_000


if __name__ == "__main__":
    sqlite3.connect = partial(sqlite3.connect, factory=Skewed)
    time.time_ns = partial(turned, time.time_ns)
    sys.exit(main())
