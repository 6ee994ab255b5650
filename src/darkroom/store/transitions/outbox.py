"""Webhooks that become due with a change of a prediction."""

from darkroom.store import rows
from darkroom.store.rows import Row
from darkroom.store.transitions.recipe import Transition

COMPLETED = "completed"


def ended(row: Row) -> Transition[None]:
    """The terminal webhook, in the transaction that made the state terminal."""
    if not rows.has_webhook(row):
        return
    done = rows.prediction(row, "", (), "")
    if done.webhook and (not done.webhook_events or COMPLETED in done.webhook_events):
        endpoint = done.webhook.partition("?")[0]
        yield "add_delivery", {"id": done.id, "kind": COMPLETED, "endpoint": endpoint}
