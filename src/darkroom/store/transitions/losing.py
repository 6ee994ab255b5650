"""T6: an attempt is lost."""

from dataclasses import replace
from typing import cast

from darkroom.domain.events import Finished, LogText, Report
from darkroom.domain.prediction import MAX_ATTEMPTS, Outcome, Prediction, Status
from darkroom.ports.predictions import NOT_THERE, Lease, Lost
from darkroom.store import rows
from darkroom.store.rows import Parameters
from darkroom.store.transitions import outbox
from darkroom.store.transitions.closing import closing_count, end
from darkroom.store.transitions.reading import complete
from darkroom.store.transitions.recipe import Transition


def lose(lost: Lost) -> Transition[Prediction | None]:
    """T6: run again while attempts are left, else fail; releases do not count."""
    live = yield "live", {"id": lost.prediction, "attempt": lost.attempt}
    if lost.lease is not None:
        lease = _lease(lost, lost.lease)
        if not (yield "lease_stands", lease):
            return None
        if lost.outcome is Outcome.LOST and (yield "came_elsewhere", lease):
            # What it held when it went there was adopted; this was sent after it had left.
            lost = replace(lost, outcome=Outcome.RELEASED, reason=NOT_THERE)
    ended = Finished(outcome=lost.outcome, error=lost.reason)
    yield "end_attempt", end(lost.prediction, lost.attempt, ended)
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
    fate = "handed back" if lost.outcome is Outcome.RELEASED else "lost"
    line = f"Attempt {lost.attempt} was {fate}: {lost.reason}{again}\n"
    status = Status.FAILED if final else None
    updated = yield (
        "lose",
        {
            "id": lost.prediction,
            "attempt": lost.attempt,
            "counts": counts,
            "status": status,
            "error": error,
            "events": 1 + closing_count(status),
        },
    )
    n = rows.event_count(updated[0]) - closing_count(status)
    yield "add_log", {"id": lost.prediction, "n": n, "text": line}
    if final:
        told = [LogText(text=line)]
        end_ = Report(prediction=lost.prediction, attempt=lost.attempt, events=told)
        yield from outbox.ended(updated[0], end_)
    else:
        yield from outbox.logged(updated[0])
    return (yield from complete(updated[0]))


def _lease(lost: Lost, lease: Lease) -> Parameters:
    return {
        "id": lost.prediction,
        "attempt": lost.attempt,
        "worker": lease.holder.worker,
        "incarnation": lease.holder.incarnation,
        "server": lease.server,
    }
