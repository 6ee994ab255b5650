"""Every change of state, as a recipe of statements that either database can follow.

A transition is a generator: it yields the name of a statement with its parameters, is sent
the rows that came back, and returns its result. It never commits: whoever drives it puts it
into one transaction. The numbers T1 to T8 are those of docs/state-machine.md.
"""

from collections.abc import Generator, Sequence
from typing import TypeAlias, TypeVar, cast

from darkroom.domain.events import (
    NO_METRICS,
    Event,
    EventKind,
    Finished,
    LogText,
    Published,
    Report,
)
from darkroom.domain.ids import Owner, PredictionId, VersionId
from darkroom.domain.prediction import (
    MAX_ATTEMPTS,
    InputFile,
    Milliseconds,
    Outcome,
    OutputItem,
    Prediction,
    Status,
)
from darkroom.ports import Acceptance, ApiKey, Holder, Lost
from darkroom.store import rows
from darkroom.store.rows import Parameters, Row

Call: TypeAlias = tuple[str, Parameters]
T = TypeVar("T")
Transition: TypeAlias = Generator[Call, list[Row], T]

ENDINGS = {
    Outcome.SUCCEEDED: Status.SUCCEEDED,
    Outcome.FAILED: Status.FAILED,
    Outcome.CANCELED: Status.CANCELED,
}
_DONE = {
    Status.SUCCEEDED: "{}",
    Status.FAILED: '{"reason":"error"}',
    Status.CANCELED: '{"reason":"canceled"}',
    Status.ABORTED: '{"reason":"canceled"}',
}
COMPLETED = "completed"


# ── T1, T2: accept and claim ────────────────────────────────────────────────────────────────


def accept(new: Acceptance) -> Transition[Prediction]:
    """T1, and T2 in the same breath if a holder is named."""
    claimed = int(new.holder is not None)
    added = yield (
        "accept",
        {
            "id": new.id,
            "owner": new.owner,
            "model": new.model,
            "version": new.version,
            "shape": new.shape,
            "input_files": rows.json_text(new.input_files) if new.input_files else rows.NO_LIST,
            "webhook": new.webhook,
            "webhook_events": rows.json_text(new.webhook_events),
            "claimed": claimed,
            "cancel_after_ms": new.cancel_after_ms,
        },
    )
    yield "add_input", {"id": new.id, "input": new.input}
    for file in new.input_files:
        if file.spooled:
            yield "add_item", _spooled(new.id, file)
    if new.holder is not None:
        yield "lease", _lease(new.id, 1, new.holder)
    created_at, deadline_at = cast("tuple[Milliseconds, Milliseconds | None]", added[0])
    return _accepted(new, claimed, created_at, deadline_at)


def _accepted(
    new: Acceptance, claimed: int, created_at: Milliseconds, deadline_at: Milliseconds | None
) -> Prediction:
    return Prediction(
        id=new.id,
        owner=new.owner,
        model=new.model,
        version=new.version,
        input=new.input,
        input_files=new.input_files,
        shape=new.shape,
        status=Status.STARTING,
        attempt=claimed,
        claimed=claimed == 1,
        created_at=created_at,
        started_at=None,
        completed_at=None,
        output=(),
        error=None,
        logs="",
        metrics=NO_METRICS,
        webhook=new.webhook,
        webhook_events=new.webhook_events,
        deadline_at=deadline_at,
        event_count=0,
    )


def claim(
    versions: Sequence[VersionId], holder: Holder, most: int
) -> Transition[Sequence[Prediction]]:
    """T2 for up to *most* waiting predictions, the oldest of all these versions first."""
    waiting: list[str] = []
    for version in versions:
        found = yield "peek", {"version": version, "most": most}
        waiting.extend(str(id_) for (id_,) in found)
    claimed: list[Prediction] = []
    for id_ in sorted(waiting)[:most]:
        for row in (yield "claim", {"id": id_}):
            prediction = yield from complete(row)
            yield "lease", _lease(prediction.id, prediction.attempt, holder)
            claimed.append(prediction)
    return claimed


def _lease(id_: PredictionId, attempt: int, holder: Holder) -> Parameters:
    return {
        "id": id_,
        "attempt": attempt,
        "worker": holder.worker,
        "incarnation": holder.incarnation,
    }


def _spooled(id_: PredictionId, file: InputFile) -> Parameters:
    return {
        "id": id_,
        "attempt": 0,
        "place": file.index,
        "n": None,
        "value": None,
        "store_key": file.key,
        "name": f"input-{file.index}",
        "content_type": file.content_type,
        "size_bytes": file.size_bytes,
        "sha256": "",
    }


# ── T3, T4, T5: what a live attempt tells ───────────────────────────────────────────────────


def report(told: Report) -> Transition[Prediction | None]:
    """T3, T4 and T5 in one guarded update; a superseded attempt changes nothing but its own row."""
    finished = told.finished
    ending = ENDINGS.get(finished.outcome) if finished else None
    shown = yield from _shown_before(told)
    numbered = [one for one in told.events if isinstance(one, LogText) or one.index >= shown]
    closing = _closing_count(ending)
    updated = yield (
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
    if finished:
        yield "end_attempt", _end(told.prediction, told.attempt, finished)
    if not updated:
        return None
    first = rows.event_count(updated[0]) - len(numbered) - closing + 1
    numbers = {id(one): n for n, one in enumerate(numbered, first)}
    for one in told.events:
        yield _kept(told, one, numbers.get(id(one)))
    if ending:
        yield from _outbox(updated[0])
    if first == 1:
        return (yield from _as_told(updated[0], told))
    return (yield from complete(updated[0]))


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


def _as_told(row: Row, told: Report) -> Transition[Prediction]:
    """The prediction where this report is the first that says anything: nothing else to read."""
    found = yield "input", {"id": told.prediction}
    outputs = [one for one in told.events if isinstance(one, Published)]
    return rows.prediction(
        row,
        str(found[0][0]),
        [OutputItem(value=one.value, file=one.file) for one in outputs],
        "".join(one.text for one in told.events if isinstance(one, LogText)),
    )


def _closing_count(ending: Status | None) -> int:
    """How many events end a stream: an error if there is one to tell, then always done."""
    if ending is None:
        return 0
    return 2 if ending is Status.FAILED else 1


def _end(id_: PredictionId, attempt: int, finished: Finished) -> Parameters:
    return {
        "id": id_,
        "attempt": attempt,
        "outcome": finished.outcome,
        "error": finished.error,
        "run_seconds": finished.run_seconds,
    }


def _outbox(row: Row) -> Transition[None]:
    """The terminal webhook, in the transaction that made the state terminal."""
    if not rows.has_webhook(row):
        return
    ended = rows.prediction(row, "", (), "")
    if ended.webhook and (not ended.webhook_events or COMPLETED in ended.webhook_events):
        yield "add_delivery", {"id": ended.id, "kind": COMPLETED, "url": ended.webhook}


# ── T6: an attempt is lost ──────────────────────────────────────────────────────────────────


def lose(lost: Lost) -> Transition[Prediction | None]:
    """T6: run again while attempts are left, else fail; releases do not count."""
    ended = Finished(outcome=lost.outcome, error=lost.reason)
    live = yield "live", {"id": lost.prediction, "attempt": lost.attempt}
    yield "end_attempt", _end(lost.prediction, lost.attempt, ended)
    if not live:
        return None
    counts = int(lost.outcome is not Outcome.RELEASED)
    losses = cast("int", live[0][0]) + counts
    final = losses >= MAX_ATTEMPTS
    error = (
        f"The prediction was tried {MAX_ATTEMPTS} times and its model was lost every time. "
        f"The last time: {lost.reason}"
        if final
        else None
    )
    again = "" if final else " The prediction runs again."
    line = f"Attempt {lost.attempt} was lost: {lost.reason}{again}\n"
    status = Status.FAILED if final else None
    updated = yield (
        "lose",
        {
            "id": lost.prediction,
            "attempt": lost.attempt,
            "counts": counts,
            "status": status,
            "error": error,
            "events": 1 + _closing_count(status),
        },
    )
    n = rows.event_count(updated[0]) - _closing_count(status)
    yield "add_log", {"id": lost.prediction, "n": n, "text": line}
    if final:
        yield from _outbox(updated[0])
    return (yield from complete(updated[0]))


# ── T7, T8: cancel and deadline ─────────────────────────────────────────────────────────────


def cancel(id_: PredictionId, owner: Owner | None) -> Transition[Prediction | None]:
    """T7: final when it commits; the attempt's own row stays open until its worker reports."""
    updated = yield "cancel", {"id": id_, "owner": owner}
    if updated:
        yield from _outbox(updated[0])
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
        yield from _outbox(row)
        prediction = yield from complete(row)
        stopped.append(prediction)
    return stopped


# ── reading, also inside a transaction ──────────────────────────────────────────────────────


def complete(row: Row) -> Transition[Prediction]:
    """A prediction with its input, its outputs and its log."""
    id_ = PredictionId(str(row[0]))
    found = yield "input", {"id": id_}
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


# ── keys and secrets ────────────────────────────────────────────────────────────────────────


def add_key(key: ApiKey) -> Transition[Milliseconds | None]:
    """Keep a key; returns when, or None if its digest is known already."""
    added = yield (
        "add_key",
        {
            "id": key.id,
            "owner": key.owner,
            "digest": key.digest,
            "hint": key.hint,
            "admin": int(key.admin),
            "expires_at": key.expires_at,
        },
    )
    return cast("Milliseconds", added[0][0]) if added else None


def revoke_key(key_id: str) -> Transition[ApiKey | None]:
    """Revoke a key; the first revocation's time stays."""
    revoked = yield "revoke_key", {"id": key_id}
    return rows.api_key(revoked[0]) if revoked else None


def secret(name: str, offered: str) -> Transition[str]:
    """The secret kept under *name*; *offered* becomes it if there is none."""
    yield "add_secret", {"name": name, "value": offered}
    found = yield "secret", {"name": name}
    return str(found[0][0])
