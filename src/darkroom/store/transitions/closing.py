"""How an attempt is closed, and what that means for its prediction."""

from darkroom.domain.events import Finished
from darkroom.domain.ids import PredictionId
from darkroom.domain.prediction import Outcome, Status
from darkroom.store.rows import Parameters

ENDINGS = {
    Outcome.SUCCEEDED: Status.SUCCEEDED,
    Outcome.FAILED: Status.FAILED,
    Outcome.CANCELED: Status.CANCELED,
}


def closing_count(ending: Status | None) -> int:
    """How many events end a stream: an error if there is one to tell, then always done."""
    if ending is None:
        return 0
    return 2 if ending is Status.FAILED else 1


def end(id_: PredictionId, attempt: int, finished: Finished) -> Parameters:
    """Parameters that close an attempt with what it came to."""
    return {
        "id": id_,
        "attempt": attempt,
        "outcome": finished.outcome,
        "error": finished.error,
        "run_seconds": finished.run_seconds,
    }
