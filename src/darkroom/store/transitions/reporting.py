"""T3, T4 and T5: what a live attempt tells."""

from typing import cast

from darkroom.domain.events import LogText, Published, Report
from darkroom.domain.prediction import (
    OutputItem,
    Prediction,
    Status,
)
from darkroom.store import rows
from darkroom.store.rows import Row
from darkroom.store.transitions import models, outbox, reading
from darkroom.store.transitions.closing import ENDINGS, closing_count, end
from darkroom.store.transitions.reading import complete
from darkroom.store.transitions.recipe import Call, Transition

_TOGETHER = 8
"""How many events are kept by one statement; every number of each kind makes another one."""


def report(told: Report) -> Transition[Prediction | None]:
    """T3, T4 and T5, once for each number; a superseded attempt changes nothing but its own row."""
    if told.number:
        place = {"id": told.prediction, "attempt": told.attempt, "number": told.number}
        if not (yield "note", place):
            return (yield from reading.one(told.prediction))
    return (yield from _apply(told))


def _apply(told: Report) -> Transition[Prediction | None]:
    """All of it in one guarded update, and what goes with it."""
    finished = told.finished
    ending = ENDINGS.get(finished.outcome) if finished else None
    shown = yield from _shown_before(told)
    numbered = [one for one in told.events if isinstance(one, LogText) or one.index >= shown]
    closing = closing_count(ending)
    closed: list[Call] = []
    if finished:
        closed = [("end_attempt", end(told.prediction, told.attempt, finished))]
    applied: Call = (
        "report",
        {
            "id": told.prediction,
            "attempt": told.attempt,
            "started": int(told.started),
            "status": ending,
            "error": finished.error if finished and ending is not Status.SUCCEEDED else None,
            "metrics": finished.metrics if finished else None,
            "events": len(numbered) + closing,
            "outputs": max(
                (one.index + 1 for one in told.events if isinstance(one, Published)), default=0
            ),
        },
    )
    updated = yield [applied, *closed]
    if not updated:
        return None
    first = rows.event_count(updated[0]) - len(numbered) - closing + 1
    numbers = {id(one): n for n, one in enumerate(numbered, first)}
    kept = [_kept(told, one, numbers.get(id(one))) for one in told.events]
    kept.sort(key=lambda call: call[0])  # few orders, few statements
    found = yield [("input", {"id": told.prediction}), *kept[:_TOGETHER]]
    for begin in range(_TOGETHER, len(kept), _TOGETHER):
        yield kept[begin : begin + _TOGETHER]
    if ending:
        yield from outbox.ended(updated[0], told)
    else:
        yield from outbox.told(updated[0], told)
    if first == 1:
        prediction = _as_told(updated[0], str(found[0][0]), told)
    else:
        prediction = yield from complete(updated[0])
    yield from models.make_version(prediction)
    return prediction


def _shown_before(told: Report) -> Transition[int]:
    """How many outputs earlier attempts have shown; their places are not streamed again."""
    if told.attempt == 1 or not any(isinstance(one, Published) for one in told.events):
        return 0
    live = yield "live", {"id": told.prediction, "attempt": told.attempt}
    return cast("int", live[0][2]) if live else 0


def _kept(told: Report, event: LogText | Published, n: int | None) -> Call:
    """How one event is kept, under its number."""
    if isinstance(event, LogText):
        return "add_log", {"id": told.prediction, "n": n, "text": event.text}
    file = event.file
    return (
        "add_item",
        {
            "id": told.prediction,
            "attempt": told.attempt,
            "place": event.index,
            "n": n,
            "value": event.value,
            "store_key": file.key if file else None,
            "name": file.name if file else None,
            "content_type": file.content_type if file else None,
            "size_bytes": file.size_bytes if file else None,
            "sha256": file.sha256 if file else None,
        },
    )


def _as_told(row: Row, input_: str, told: Report) -> Prediction:
    """The prediction where this report is the first that says anything: nothing else to read."""
    outputs = [one for one in told.events if isinstance(one, Published)]
    return rows.prediction(
        row,
        input_,
        [OutputItem(value=one.value, file=one.file) for one in outputs],
        "".join(one.text for one in told.events if isinstance(one, LogText)),
    )
