"""Group `engine`: its parts, and how they share the children that hold the weights."""

from collections.abc import Sequence
from contextlib import ExitStack
from importlib.util import find_spec

from bench.engine import cancel, join, load, pace
from bench.engine.case import EAGER, OPENVINO, STOCK, Case, Effort, provided, setup_of
from bench.engine.hired import Hired, hired
from bench.figures import Figure

PARTS = ("load", "pace", "join", "cancel")


def figures(cases: Sequence[Case], effort: Effort) -> list[Figure]:
    """All parts, case by case."""
    return [figure for case in cases for figure in _of(case, effort)]


def _of(case: Case, effort: Effort) -> list[Figure]:
    folder, few = provided(case), max(1, effort.rounds // 2)
    found: list[Figure] = []
    # First, and without other children: a file that one of them maps stays in the page cache.
    if "load" in effort.parts:
        found += load.figures(case, load.loads(case, folder, few))
    with ExitStack() as stack:
        children = {
            name: stack.enter_context(hired(setup_of(case, name, folder)))
            for name in _makers(case, effort.parts)
        }
        if "pace" in effort.parts:
            done = pace.turns(case, children, effort)
            peaks = {name: _peak(child, done) for name, child in children.items()}
            found += pace.figures(case, done, peaks)
        if "join" in effort.parts:
            found += join.figures(case, join.pairs(case, children[EAGER], few))
        if "cancel" in effort.parts:
            found += cancel.figures(case, cancel.seen(case, children[EAGER], few))
    return found


def _makers(case: Case, parts: Sequence[str]) -> list[str]:
    """Whom the parts need; OpenVINO where its extra is installed."""
    if "pace" not in parts:
        return [EAGER] if {"join", "cancel"} & set(parts) else []
    if case.device != "cpu":
        return [STOCK, EAGER]
    if find_spec("openvino") is None:
        print("engine: OpenVINO is not installed (the extra `openvino`): left out", flush=True)
        return [STOCK, EAGER]
    return [STOCK, EAGER, OPENVINO]


def _peak(child: Hired, done: Sequence[pace.Turn]) -> float:
    """On the accelerator, where there is one."""
    maker = child.setup.maker
    device = max(turn.made.device_peak_mb for turn in done if turn.maker == maker)
    return device or child.peak_mb
