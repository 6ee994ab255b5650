"""What a worker's message about a run means to the store."""

import math
from collections.abc import Sequence

import msgspec

from darkroom.domain.errors import PeerMisbehaved
from darkroom.domain.events import Finished, LogText, Published, Report
from darkroom.domain.files import is_content_type, is_file_name, is_sha256
from darkroom.domain.ids import PredictionId
from darkroom.domain.prediction import JsonText, Outcome, StoredFile
from darkroom.ports.predictions import Lost
from darkroom.protocol.messages import MAX_FILES, Ended, FileFact, Gave, Said, Told

_LOSSES = frozenset({Outcome.LOST, Outcome.CRASHED, Outcome.RELEASED})
_NUL = "\0"  # databases keep no text that has one
_MOST_OUTPUTS = 2**31
_metrics = msgspec.json.Decoder(dict[str, int | float]).decode


def understood(told: Told) -> Sequence[Report | Lost]:
    """What to write for a worker's message: its report, its loss, or both in this order.

    Raises:
        PeerMisbehaved: it names a file that is not this attempt's, or a file, value, outcome,
            metrics or time that are none.
    """
    try:
        return _understood(told)
    except (ValueError, RecursionError, msgspec.DecodeError) as error:
        raise PeerMisbehaved(f"a message about {told.id[:40]} makes no sense: {error}") from error


def _understood(told: Told) -> Sequence[Report | Lost]:
    id_ = PredictionId(told.id)
    finished = _finished(told.ended) if told.ended else None
    lost = None
    if finished is not None and finished.outcome in _LOSSES:
        lost = Lost(
            prediction=id_,
            attempt=told.attempt,
            outcome=finished.outcome,
            reason=finished.error or "its model's process ended.",
        )
        finished = None
    events = [_event(id_, told.attempt, event) for event in told.events]
    report = Report(
        prediction=id_,
        attempt=told.attempt,
        started=told.started,
        events=events,
        finished=finished,
        number=told.number,
    )
    if lost is None:
        return (report,)
    return (report, lost) if told.started or events else (lost,)


def _event(id_: PredictionId, attempt: int, event: Said | Gave) -> LogText | Published:
    if isinstance(event, Said):
        return LogText(text=_plain(event.text))
    return _published(id_, attempt, event)


def _published(id_: PredictionId, attempt: int, gave: Gave) -> Published:
    fact = gave.file
    if not 0 <= gave.index < (_MOST_OUTPUTS if fact is None else MAX_FILES):
        raise ValueError(f"no run gives output {gave.index}")
    if fact is None:
        return Published(index=gave.index, value=_value(gave.value or "null"))
    if fact.key != f"predictions/{id_}/{attempt}/{gave.index}":
        raise ValueError("it names a file that is not its own")
    _check(fact)
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


def _value(text: str) -> JsonText:
    """*text*, which becomes part of answers as it is."""
    msgspec.json.decode(text)
    return JsonText(text)


def _check(fact: FileFact) -> None:
    """Raise ValueError for what no header of the file's answers could hold."""
    spelled = is_file_name(fact.name) and is_content_type(fact.content_type)
    if not spelled or not is_sha256(fact.sha256):
        raise ValueError("the name, type or digest of a file is none")


def _finished(ended: Ended) -> Finished:
    """The end, with `predict_time` among the metrics."""
    if not (math.isfinite(ended.run_seconds) and ended.run_seconds >= 0):
        raise ValueError(f"no run takes {ended.run_seconds} seconds")
    metrics = {**_metrics(ended.metrics), "predict_time": round(ended.run_seconds, 6)}
    return Finished(
        outcome=Outcome(ended.outcome),
        error=_plain(ended.error) if ended.error else ended.error,
        metrics=JsonText(msgspec.json.encode(metrics).decode()),
        run_seconds=ended.run_seconds,
    )


def _plain(text: str) -> str:
    """*text* as every database can keep it."""
    return text.replace(_NUL, "\N{REPLACEMENT CHARACTER}")
