"""Group `engine`: its parts, and how they share the children that hold the weights."""

from collections.abc import Sequence
from contextlib import ExitStack
from importlib.util import find_spec

from bench.engine import cancel, join, load, pace
from bench.engine.case import EAGER, OPENVINO, STOCK, Case, Effort, provided, setup_of
from bench.engine.hired import hired
from bench.figures import Figure

PARTS = ("load", "pace", "join", "cancel")


def figures(cases: Sequence[Case], effort: Effort) -> list[Figure]:
    """All parts, case by case."""
    return [figure for case in cases for figure in _of(case, effort)]


def _of(case: Case, effort: Effort) -> list[Figure]:
    folder = provided(case)
    found: list[Figure] = []
    # First, and without other children: a file that one of them maps stays in the page cache.
    if "load" in effort.parts:
        found += load.figures(case, load.loads(case, folder, effort))
    with ExitStack() as stack:
        children = {
            name: stack.enter_context(hired(setup_of(case, name, folder)))
            for name in _makers(effort)
        }
        for name, child in children.items():
            pace.warm(case, name, child)
        if "pace" in effort.parts:
            done = pace.turns(case, children, effort)
            found += pace.figures(case, done)
        if "join" in effort.parts:
            found += join.figures(case, join.pairs(case, children[EAGER], effort))
        if "cancel" in effort.parts:
            found += cancel.figures(case, cancel.seen(case, children[EAGER], effort))
    return found


def backends() -> tuple[str, ...]:
    """Beside the eager one: OpenVINO, where its extra is installed."""
    return () if find_spec("openvino") is None else (OPENVINO,)


def _makers(effort: Effort) -> list[str]:
    """Whom the parts need."""
    if "pace" in effort.parts:
        return [STOCK, EAGER, *(name for name in effort.backends if name != EAGER)]
    return [EAGER] if {"join", "cancel"} & set(effort.parts) else []
