"""`darkroom` that dies beside one commit: `MORTAL=file python -m tests.faults.mortal serve`.

If the file is there, it says `before` or `after` and a word. The commit is the first that holds a
prediction with that word in its input; then the file goes too, and with it the danger.
"""

import os
import signal
import sqlite3
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import cast

from darkroom.cli.app import main


class Mortal(sqlite3.Connection):
    """Kills its process before or after that commit."""

    def execute(self, sql: str, *parameters: object) -> sqlite3.Cursor:
        run = cast("Callable[..., sqlite3.Cursor]", super().execute)
        moment = self._moment() if sql == "commit" else None
        if moment == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        done = run(sql, *parameters)
        if moment == "after":
            os.kill(os.getpid(), signal.SIGKILL)
        return done

    def _moment(self) -> str | None:
        """When to die, if now."""
        doom = Path(os.environ["MORTAL"])
        if not doom.exists():
            return None
        moment, word = doom.read_text("utf-8").split()
        asked = "select 1 from inputs where instr(input, ?)"
        if super().execute(asked, (word,)).fetchone() is None:
            return None
        doom.unlink()
        return moment


if __name__ == "__main__":
    sqlite3.connect = partial(sqlite3.connect, factory=Mortal)
    sys.exit(main())
