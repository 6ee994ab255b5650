"""`darkroom` that is killed beside one commit: `MORTAL=before python -m tests.faults.mortal serve`.

The commit is the first that holds a prediction whose input has the word `doomed`.
"""

import os
import signal
import sqlite3
import sys
from collections.abc import Callable
from functools import partial
from typing import cast

from darkroom.cli.app import main

DOOMED = "doomed"
_ASKED = f"select 1 from inputs where input like '%{DOOMED}%'"  # noqa: S608  # our own word


class Mortal(sqlite3.Connection):
    """Kills its process before or after that commit."""

    def execute(self, sql: str, *parameters: object) -> sqlite3.Cursor:
        run = cast("Callable[..., sqlite3.Cursor]", super().execute)
        doomed = sql == "commit" and run(_ASKED).fetchone() is not None
        if doomed and os.environ["MORTAL"] == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        done = run(sql, *parameters)
        if doomed:
            os.kill(os.getpid(), signal.SIGKILL)
        return done


if __name__ == "__main__":
    sqlite3.connect = partial(sqlite3.connect, factory=Mortal)
    sys.exit(main())
