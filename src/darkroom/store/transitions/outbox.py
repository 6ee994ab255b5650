"""Webhooks that become due with a change of a prediction, in the transaction that made the change.

A prediction without a webhook costs nothing here.
"""

from collections.abc import Sequence

from darkroom.domain.events import LogText, Report
from darkroom.domain.prediction import Prediction
from darkroom.ports.webhooks import WebhookEvent, endpoint_of
from darkroom.store import rows
from darkroom.store.rows import Row
from darkroom.store.transitions.recipe import Transition

APART_MS = 500
"""Between two webhooks of one prediction that tell of output or log text."""


def told(row: Row, report: Report) -> Transition[None]:
    """What a report that does not end its prediction gives to tell: its start, output, log text."""
    if not rows.has_webhook(row):
        return
    one = rows.prediction(row, "", (), "")
    if report.started:
        yield from _started(one)
    yield from _changed(one, _changes(report))


def ended(row: Row, report: Report | None = None) -> Transition[None]:
    """The terminal webhook, which takes the place of those for output and log text.

    Args:
        row: of the prediction, as it has ended.
        report: what brought the end; it may bring the start, too.
    """
    if not rows.has_webhook(row):
        return
    one = rows.prediction(row, "", (), "")
    if report is not None and report.started:
        yield from _started(one)
    if not _wants(one, WebhookEvent.COMPLETED):
        if report is not None:
            yield from _changed(one, _changes(report))
        return
    yield "drop_deliveries", {"id": one.id}
    completed = {"id": one.id, "kind": WebhookEvent.COMPLETED, "endpoint": endpoint_of(one.webhook)}
    yield "add_delivery", completed


def logged(row: Row) -> Transition[None]:
    """New log text that no report brought."""
    if rows.has_webhook(row):
        yield from _changed(rows.prediction(row, "", (), ""), [WebhookEvent.LOGS])


def _started(one: Prediction) -> Transition[None]:
    if _wants(one, WebhookEvent.START):
        yield "add_start_delivery", {"id": one.id, "endpoint": endpoint_of(one.webhook)}


def _changed(one: Prediction, changes: Sequence[WebhookEvent]) -> Transition[None]:
    for event in changes:
        if _wants(one, event):
            yield (
                "add_change_delivery",
                {
                    "id": one.id,
                    "kind": event,
                    "endpoint": endpoint_of(one.webhook),
                    "apart_ms": APART_MS,
                },
            )


def _changes(report: Report) -> Sequence[WebhookEvent]:
    found = {
        WebhookEvent.LOGS if isinstance(event, LogText) else WebhookEvent.OUTPUT
        for event in report.events
    }
    return sorted(found)


def _wants(one: Prediction, event: WebhookEvent) -> bool:
    return not one.webhook_events or event in one.webhook_events
