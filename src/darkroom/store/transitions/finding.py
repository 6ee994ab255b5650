"""What nothing else leads to."""

from collections.abc import Sequence

from darkroom.ports.buckets import FilePlace
from darkroom.store.transitions.recipe import Transition


def unknown_files(places: Sequence[FilePlace]) -> Transition[Sequence[FilePlace]]:
    """Those of *places* that no row names and no open attempt can still name."""
    unknown: list[FilePlace] = []
    for place in places:
        asked = {"id": place.prediction, "attempt": place.attempt, "place": place.index}
        if not (yield "known_file", asked):
            unknown.append(place)
    return unknown
