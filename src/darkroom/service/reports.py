"""What a worker's message about a run means to the store."""

import msgspec

from darkroom.domain.events import Finished, LogText, Published, Report
from darkroom.domain.ids import PredictionId
from darkroom.domain.prediction import JsonText, Outcome, StoredFile
from darkroom.protocol.messages import Ended, Gave, Told

_metrics = msgspec.json.Decoder(dict[str, int | float]).decode


def report_of(told: Told) -> Report:
    """Turn a worker's message into a report; `predict_time` joins the metrics."""
    id_ = PredictionId(told.id)
    return Report(
        prediction=id_,
        attempt=told.attempt,
        started=told.started,
        events=[
            _published(id_, told.attempt, event)
            if isinstance(event, Gave)
            else LogText(text=event.text)
            for event in told.events
        ],
        finished=_finished(told.ended) if told.ended else None,
    )


def _published(id_: PredictionId, attempt: int, gave: Gave) -> Published:
    fact = gave.file
    if fact is None:
        return Published(index=gave.index, value=JsonText(gave.value or "null"))
    return Published(
        index=gave.index,
        file=StoredFile(
            prediction=id_,
            attempt=attempt,
            index=gave.index,
            key=fact.key,
            name=fact.name,
            content_type=fact.content_type,
            size_bytes=fact.size_bytes,
            sha256=fact.sha256,
        ),
    )


def _finished(ended: Ended) -> Finished:
    metrics = {**_metrics(ended.metrics), "predict_time": round(ended.run_seconds, 6)}
    return Finished(
        outcome=Outcome(ended.outcome),
        error=ended.error,
        metrics=JsonText(msgspec.json.encode(metrics).decode()),
        run_seconds=ended.run_seconds,
    )
