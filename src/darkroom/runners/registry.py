"""From a kind to its runner class, through entry points; imported only when chosen.

A kind is a name registered under `darkroom.runners`, or `module:Class` outright.
"""

from collections.abc import Callable
from importlib import import_module
from importlib.metadata import entry_points
from typing import cast

from darkroom.domain.errors import RunFailed
from darkroom.domain.extras import how_to_install
from darkroom.ports.running import Runner, RunnerKind

GROUP = "darkroom.runners"


def kinds() -> list[str]:
    """All registered kinds by name; nothing of theirs is imported."""
    return sorted({point.name for point in entry_points(group=GROUP)})


def find(kind: str) -> Callable[[], Runner]:
    """Import what makes runners of *kind*: their class, or what they share.

    Raises:
        RunFailed: there is none, or it cannot be imported here; says what to do.
    """
    try:
        named = _named(kind)
    except (ImportError, AttributeError) as error:
        raise RunFailed(
            f"the runner {kind!r} cannot be imported ({error}); install what it needs,"
            f" such as {how_to_install(kind)}"
            if ":" not in kind
            else f"the runner {kind!r} cannot be imported ({error}); check PYTHONPATH and spelling"
        ) from error
    if hasattr(named, "runner"):
        return cast("Callable[[], RunnerKind]", named)().runner
    return cast("Callable[[], Runner]", named)


def _named(kind: str) -> object:
    module, colon, name = kind.partition(":")
    if colon:
        return cast("object", getattr(import_module(module), name))
    for point in entry_points(group=GROUP, name=kind):
        return cast("object", point.load())
    known = ", ".join(kinds())
    raise RunFailed(f"there is no runner of kind {kind!r}; there are {known}, or name module:Class")
