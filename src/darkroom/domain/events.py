"""What a run tells about itself, and what the store keeps of it.

`Report` is a batch: everything one attempt has to say since its last report, in order. The
store applies a batch in one transaction, so a fast run costs one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from darkroom.domain.ids import PredictionId
from darkroom.domain.prediction import JsonText, Milliseconds, Outcome, StoredFile

NO_METRICS = JsonText("{}")


class EventKind(StrEnum):
    """The four names a prediction's stream may carry, spelled as on the wire."""

    OUTPUT = "output"
    LOGS = "logs"
    ERROR = "error"
    DONE = "done"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A stored fact of one prediction; `n` counts 1, 2, 3 … without a gap.

    `data` of logs and errors is their text, that of done a JSON object as on the wire, that of
    an output a JSON object: `value`, or `attempt`, `index` and `name` of a file.
    """

    n: int
    kind: EventKind
    data: str
    at: Milliseconds


@dataclass(frozen=True, slots=True, kw_only=True)
class LogText:
    """More text for the prediction's log."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """Output number `index` (from 0): a JSON value or a file whose bytes are already stored."""

    index: int
    value: JsonText | None = None
    file: StoredFile | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """The run is over.

    Args:
        outcome: how; `SUCCEEDED`, `FAILED` and `CANCELED` end the prediction, the others lead to
            another attempt while there are any left.
        error: one sentence for the user; None on success.
        metrics: a JSON object of numbers.
        run_seconds: time inside run(), what `predict_time` shows.
    """

    outcome: Outcome
    error: str | None = None
    metrics: JsonText = NO_METRICS
    run_seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What one attempt has to say: that run() was entered, events in order, and perhaps its end.

    With a `number` above 0 it is recorded once, however often it comes.
    """

    prediction: PredictionId
    attempt: int
    started: bool = False
    events: Sequence[LogText | Published] = ()
    finished: Finished | None = None
    number: int = 0
