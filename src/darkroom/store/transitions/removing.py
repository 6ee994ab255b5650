"""T9: what a prediction was about is removed."""

from darkroom.domain.ids import PredictionId
from darkroom.store.transitions.recipe import Transition

_EMPTYING = ("remove_items", "remove_logs", "empty_input", "empty_answers")


def remove(id_: PredictionId) -> Transition[bool]:
    """T9, after the files are deleted: False if it had been done before or has not ended.

    Deliveries that wait stay: what they will tell is that the data was removed.
    """
    marked = yield "mark_removed", {"id": id_}
    if not marked:
        return False
    for statement in _EMPTYING:
        yield statement, {"id": id_}
    return True
