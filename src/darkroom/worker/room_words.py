"""What is told to those who wait for a version to be loaded, and why one cannot be."""

from collections.abc import Sequence

from darkroom.worker.resident import Resident
from darkroom.worker.room import Limits


def making(unload: Sequence[Resident], limits: Limits) -> str:
    """These are unloaded for the one that waits."""
    budget = f" of {size(limits.budget_bytes)}" if limits.budget_bytes else ""
    named = [
        f"{_name(one)} ({size(one.size_bytes)}{budget})" if one.size_bytes else _name(one)
        for one in unload
    ]
    return f"making room: unloading {', '.join(named)}"


def waiting(until: Sequence[Resident]) -> str:
    """Runs must end before there is room; without any, another version is being loaded."""
    if not until:
        return "waiting for room: another model is being loaded"
    return f"waiting for room: {names(until)} {'runs' if len(until) == 1 else 'run'}"


def making_way(resident: Resident) -> str:
    """It takes no new runs now."""
    return f"waiting: {_name(resident)} makes way for a model that has waited for room"


def renewed(resident: Resident) -> str:
    """It is described anew, and runs still need what it was before."""
    return f"waiting: {_name(resident)} has changed; runs of what it was before end first"


def never(wanted: Resident, beside: Sequence[Resident], limits: Limits) -> str:
    """It can be loaded only when a pin is taken back."""
    many = 0 < limits.most <= len(beside)
    taken = sum(one.size_bytes for one in beside)
    why = f"no more than {limits.most} may be loaded" if many else _memory(wanted, taken, limits)
    return (
        f"{_name(wanted)} cannot be loaded beside what is pinned, {names(beside)} ({why}); "
        "unpin a model with `darkroom models unpin`, or remove its `pin` from darkroom.yaml"
    )


def not_beside(others: Sequence[Resident]) -> str:
    """Memory ran out while it was loaded."""
    return f"out of memory beside {names(others)}: it is loaded alone"


def names(residents: Sequence[Resident]) -> str:
    """Their models, each once."""
    return ", ".join(dict.fromkeys(map(_name, residents)))


def size(count: int) -> str:
    """Bytes for people, in decimal units."""
    return f"{count / 1e9:.1f} GB" if count >= 1e8 else f"{count / 1e6:.1f} MB"


def _memory(wanted: Resident, taken: int, limits: Limits) -> str:
    if wanted.alone:
        return "memory ran out when that was tried"
    return (
        f"it needs {size(wanted.size_bytes)}, they take {size(taken)} "
        f"of {size(limits.budget_bytes)}"
    )


def _name(resident: Resident) -> str:
    return resident.spec.model
