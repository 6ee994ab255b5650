"""How light the server is: what its imports load, and how soon it answers."""

import subprocess
import sys

from bench.contenders import darkroom_recipe
from bench.figures import Figure, at_most, middle
from bench.servers import running

HEAVY = ("torch", "numpy", "PIL")
STARTS = 5
START_GOAL_SECONDS = 1.5

_HELP = "from darkroom.cli import main; sys.argv = ['darkroom', '--help']; main()"
_SERVER = "import darkroom.compose.server"
_COUNT = """
import atexit, os, sys
def tell():
    found = [name for name in {heavy!r} if name in sys.modules]
    os.write(2, ("loaded:" + ",".join(found) + "\\n").encode())
atexit.register(tell)
{code}
"""


def figures() -> list[Figure]:
    return [
        at_most("heavy modules loaded by `darkroom --help`", len(_loaded(_HELP)), "modules", 0),
        at_most("heavy modules loaded by the API process", len(_loaded(_SERVER)), "modules", 0),
        at_most("start to the first 200 of /healthz", _start(), "s", START_GOAL_SECONDS),
    ]


def _loaded(code: str) -> list[str]:
    """Which of HEAVY a fresh interpreter holds at its end after running *code*."""
    script = _COUNT.format(heavy=HEAVY, code=code)
    done = subprocess.run((sys.executable, "-c", script), capture_output=True, text=True)
    told = [line for line in done.stderr.splitlines() if line.startswith("loaded:")]
    if done.returncode != 0 or not told:
        raise RuntimeError(f"{code!r} ended with {done.returncode}: {done.stderr[-2000:]}")
    return [name for name in told[-1].removeprefix("loaded:").split(",") if name]


def _start() -> float:
    def once() -> float:
        with running(darkroom_recipe("start")) as server:
            return server.start_seconds

    return middle(once() for _ in range(STARTS))
