"""How a deployment is added, gets its next release, and is forgotten."""

from typing import cast

from darkroom.domain.deployment import FIRST_RELEASE, Configuration, Deployment, Release
from darkroom.domain.ids import Owner
from darkroom.domain.prediction import Milliseconds
from darkroom.store.transitions.recipe import Transition


def add(
    id_: str, owner: Owner, name: str, configuration: Configuration, *, most: int
) -> Transition[Deployment | None]:
    """A deployment with its first release; None if the name is taken, or *most* are there."""
    added = yield (
        "add_deployment",
        {"id": id_, "owner": owner, "name": name, "number": FIRST_RELEASE, "most": most},
    )
    if not added:
        return None
    release = yield from _release(id_, FIRST_RELEASE, configuration)
    return Deployment(id=id_, owner=owner, name=name, release=release)


def release(known: Deployment, configuration: Configuration) -> Transition[Deployment | None]:
    """The release after the one of *known*; None if that is not the current one any more."""
    moved = yield "next_release", {"id": known.id, "number": known.release.number}
    if not moved:
        return None
    made = yield from _release(known.id, known.release.number + 1, configuration)
    return Deployment(id=known.id, owner=known.owner, name=known.name, release=made)


def delete(owner: Owner, name: str) -> Transition[bool]:
    """Forget a deployment with its releases."""
    yield "delete_releases", {"owner": owner, "name": name}
    gone = yield "delete_deployment", {"owner": owner, "name": name}
    return bool(gone)


def _release(id_: str, number: int, configuration: Configuration) -> Transition[Release]:
    added = yield (
        "add_release",
        {
            "id": id_,
            "number": number,
            "model": configuration.model,
            "version": configuration.version,
            "hardware": configuration.hardware,
            "min_instances": configuration.min_instances,
            "max_instances": configuration.max_instances,
        },
    )
    created_at = cast("Milliseconds", added[0][0])
    return Release(number=number, configuration=configuration, created_at=created_at)
