"""Lines of owners with a running limit: who may come forward, and limits that have changed."""

from collections.abc import Sequence

from darkroom.domain.ids import Owner, VersionId
from darkroom.store.transitions.recipe import Transition


def advance(owner: Owner) -> Transition[Sequence[VersionId] | None]:
    """Let the first of each line of *owner* forward; returns the versions it waits for.

    None: another server is at it just now.
    """
    ((alone,),) = yield "owner_alone", {"owner": owner}
    if not alone:
        return None
    found = yield "lines", {"owner": owner}
    versions = [VersionId(str(version)) for (version,) in found]
    for version in versions:
        yield "next_in_line", {"owner": owner, "version": version}
    return versions


def change(owner: Owner, *, limited: bool) -> Transition[None]:
    """Count what an owner has waiting and running against its limit from now on, or no more."""
    yield "close_gate" if limited else "open_gate", {"owner": owner}
