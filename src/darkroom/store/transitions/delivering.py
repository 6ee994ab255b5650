"""How deliveries are taken, tried, kept and sent again."""

from collections.abc import Mapping, Sequence
from typing import cast

from darkroom.domain.ids import PredictionId
from darkroom.domain.prediction import Milliseconds
from darkroom.ports.webhooks import (
    Delivery,
    DeliveryState,
    KeptDelivery,
    KeptTry,
    Try,
    WebhookEvent,
)
from darkroom.store.rows import Row
from darkroom.store.transitions.outbox import APART_MS
from darkroom.store.transitions.recipe import Transition

LEASE_MS = 60_000
"""How long who has taken a delivery may keep it: four times what the longest try takes."""


def take(endpoint: str, most: int) -> Transition[Sequence[Delivery]]:
    """Up to *most* deliveries that are due; what an earlier taker left unsettled is cleared up."""
    taken: list[Delivery] = []
    alone = yield "lock_endpoint", {"endpoint": endpoint}
    if not alone[0][0]:
        return taken  # another server takes from it just now, and sees what is there
    while len(taken) < most:
        found = yield "take_delivery", {"endpoint": endpoint, "lease_ms": LEASE_MS}
        if not found:
            break
        if found[0][3] == DeliveryState.PENDING:
            taken.append(_delivery(found[0]))
    return taken


def settle(done: Try) -> Transition[bool]:
    """Keep what came of a try, unless somebody else has taken the delivery since."""
    place = {"id": done.delivery.prediction, "n": done.delivery.n}
    settled = yield (
        "settle_delivery",
        {
            **place,
            "taken_at": done.delivery.taken_at,
            "state": done.state,
            "wait_ms": done.wait_ms,
        },
    )
    if not settled:
        return False
    yield (
        "add_delivery_try",
        {
            **place,
            "at": done.delivery.taken_at,
            "status": done.status,
            "seconds": done.seconds,
            "error": done.error,
            "answer": done.answer,
        },
    )
    if done.delivery.event in (WebhookEvent.OUTPUT, WebhookEvent.LOGS):
        yield "space_deliveries", {"id": done.delivery.prediction, "apart_ms": APART_MS}
    return True


def resend(id_: PredictionId, n: int | None) -> Transition[int | None]:
    """Make a delivery due now: number *n*, or without it the one of the end."""
    found = yield "deliveries", {"id": id_}
    numbers = [
        cast("int", row[0]) for row in found if n == row[0] or (n, row[1]) == (None, "completed")
    ]
    if not numbers:
        return None
    yield "resend_delivery", {"id": id_, "n": numbers[0]}
    return numbers[0]


def kept(id_: PredictionId) -> Transition[Sequence[KeptDelivery]]:
    """All deliveries of a prediction with their tries."""
    found = yield "deliveries", {"id": id_}
    lines = yield "delivery_tries", {"id": id_}
    tries: dict[int, list[KeptTry]] = {}
    for row in lines:
        tries.setdefault(cast("int", row[0]), []).append(_try(row))
    return [_kept(row, tries) for row in found]


def _delivery(row: Row) -> Delivery:
    id_, n, kind, _state, tries, first_at, taken_at = cast(
        "tuple[str, int, str, str, int, int, int]", row
    )
    return Delivery(
        prediction=PredictionId(id_),
        n=n,
        event=WebhookEvent(kind),
        tries=tries,
        first_at=Milliseconds(first_at),
        taken_at=Milliseconds(taken_at),
    )


def _try(row: Row) -> KeptTry:
    _n, at, status, seconds, error, answer = cast(
        "tuple[int, int, int | None, float, str | None, str | None]", row
    )
    return KeptTry(at=Milliseconds(at), status=status, seconds=seconds, error=error, answer=answer)


def _kept(row: Row, tries: Mapping[int, Sequence[KeptTry]]) -> KeptDelivery:
    n, kind, state, created_at, next_at = cast("tuple[int, str, str, int, int]", row)
    return KeptDelivery(
        n=n,
        event=WebhookEvent(kind),
        state=DeliveryState(state),
        created_at=Milliseconds(created_at),
        next_at=Milliseconds(next_at),
        tries=tries.get(n, ()),
    )
