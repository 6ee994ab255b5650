"""T7 and T8: a client cancels, a deadline passes."""

from collections.abc import Sequence

from darkroom.domain.ids import Owner, PredictionId
from darkroom.domain.prediction import Prediction
from darkroom.store.transitions import outbox
from darkroom.store.transitions.reading import complete
from darkroom.store.transitions.recipe import Transition


def cancel(id_: PredictionId, owner: Owner | None) -> Transition[Prediction | None]:
    """T7: final when it commits; the attempt's own row stays open until its worker reports."""
    updated = yield "cancel", {"id": id_, "owner": owner}
    if updated:
        yield from outbox.ended(updated[0])
        return (yield from complete(updated[0]))
    found = yield "get", {"id": id_}
    if not found or owner not in (None, found[0][1]):
        return None
    return (yield from complete(found[0]))


def expire(most: int) -> Transition[Sequence[Prediction]]:
    """T8 for up to *most* predictions whose deadline has passed."""
    expired = yield "expire", {"most": most}
    stopped: list[Prediction] = []
    for row in expired:
        yield from outbox.ended(row)
        prediction = yield from complete(row)
        stopped.append(prediction)
    return stopped
