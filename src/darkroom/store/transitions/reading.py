"""Predictions and events put together, also inside a transaction."""

from collections.abc import Sequence

from darkroom.domain.events import (
    Event,
    EventKind,
)
from darkroom.domain.ids import PredictionId
from darkroom.domain.prediction import Prediction, Status
from darkroom.store import rows
from darkroom.store.rows import Parameters, Row
from darkroom.store.transitions.recipe import Call, Transition

_DONE = {
    Status.SUCCEEDED: "{}",
    Status.FAILED: '{"reason":"error"}',
    Status.CANCELED: '{"reason":"canceled"}',
    Status.ABORTED: '{"reason":"canceled"}',
}


def one(id_: PredictionId) -> Transition[Prediction | None]:
    """A prediction by its id."""
    found = yield "get", {"id": id_}
    return (yield from complete(found[0])) if found else None


def several(statement: str, parameters: Parameters) -> Transition[Sequence[Prediction]]:
    """The predictions that a statement finds, in its order; however many, a few statements."""
    found = yield statement, parameters
    if not found:
        return []
    ids = [PredictionId(str(row[0])) for row in found]
    inputs = {
        id_: str(input_) for id_, input_ in (yield "inputs_of", {"listed": rows.json_text(ids)})
    }
    told = [id_ for id_, row in zip(ids, found, strict=True) if rows.event_count(row)]
    items: dict[object, list[Row]] = {}
    texts: dict[object, list[str]] = {}
    if told:
        for id_, *item in (yield "items_of", {"listed": rows.json_text(told)}):
            items.setdefault(id_, []).append(tuple(item))
        for id_, text in (yield "logs_of", {"listed": rows.json_text(told)}):
            texts.setdefault(id_, []).append(str(text))
    return [
        rows.prediction(
            row,
            inputs[id_],
            rows.output_items(id_, items.get(id_, ())) if rows.event_count(row) else (),
            "".join(texts.get(id_, ())),
        )
        for id_, row in zip(ids, found, strict=True)
    ]


def complete(row: Row, *also: Call) -> Transition[Prediction]:
    """A prediction with its input, its outputs and its log.

    Args:
        row: of the prediction.
        also: what is done beside reading it.
    """
    id_ = PredictionId(str(row[0]))
    found = yield [("input", {"id": id_}), *also]
    input_ = str(found[0][0])
    if not rows.event_count(row):
        return rows.prediction(row, input_, (), "")
    items = yield "items", {"id": id_}
    lines = yield "logs", {"id": id_, "after": 0}
    text = "".join(str(text) for _n, text, _at in lines)
    return rows.prediction(row, input_, rows.output_items(id_, items), text)


def events(id_: PredictionId, after: int) -> Transition[Sequence[Event]]:
    """The events of a prediction after number *after*, in order; the ending's come last."""
    row = yield "get", {"id": id_}
    if not row or rows.event_count(row[0]) <= after:
        return ()
    lines = yield "logs", {"id": id_, "after": after}
    items = yield "items", {"id": id_}
    shown = [event for item in items if (event := rows.output_event(item))]
    told = [*(rows.log_event(line) for line in lines), *shown]
    ending = _ending(rows.prediction(row[0], "", (), ""))
    return sorted((one for one in (*told, *ending) if one.n > after), key=lambda one: one.n)


def _ending(ended: Prediction) -> Sequence[Event]:
    at, last = ended.completed_at, ended.event_count
    if at is None:
        return ()
    done = Event(n=last, kind=EventKind.DONE, data=_DONE[ended.status], at=at)
    if ended.status is not Status.FAILED:
        return (done,)
    return Event(n=last - 1, kind=EventKind.ERROR, data=ended.error or "", at=at), done
