"""What a reply to a webhook means: delivered, to be tried again and when, or given up."""

from collections.abc import Callable

from darkroom.ports.webhooks import (
    Answered,
    Delivery,
    DeliveryState,
    Reply,
    Try,
    Undeliverable,
    WebhookEvent,
)

OFFSETS = (0, 2, 8, 25, 60, 300, 1800, 7200, 18_000, 36_000, 86_400)
"""Seconds after the first try at which the end is told again; after the last it is given up."""

JITTER = 0.2
LONGEST_WAIT_SECONDS = 86_400.0
_SHORTEST_WAIT_SECONDS = 1.0
_GONE = 410


def verdict(delivery: Delivery, reply: Reply, seconds: float, chance: Callable[[], float]) -> Try:
    """What to keep of a try.

    Only the end of a prediction is told again, and neither to a receiver that answers 410 nor to
    an address that nothing can be sent to.

    Args:
        delivery: as it was taken.
        reply: what came back.
        seconds: how long the try took.
        chance: a number from 0 to below 1; spreads tries by a fifth either way.
    """
    state, wait = _next(delivery, reply, seconds, chance)
    answered = isinstance(reply, Answered)
    return Try(
        delivery=delivery,
        state=state,
        wait_ms=round(wait * 1000),
        seconds=round(seconds, 6),
        status=reply.status if answered else None,
        error=_error(reply),
        answer=reply.text if answered else None,
    )


def is_delivered(reply: Reply) -> bool:
    """Whether the receiver has taken it."""
    return isinstance(reply, Answered) and 200 <= reply.status < 300


def _next(
    delivery: Delivery, reply: Reply, seconds: float, chance: Callable[[], float]
) -> tuple[DeliveryState, float]:
    if is_delivered(reply):
        return DeliveryState.DELIVERED, 0.0
    final = isinstance(reply, Undeliverable) or (
        isinstance(reply, Answered) and reply.status == _GONE
    )
    once = delivery.event is not WebhookEvent.COMPLETED
    if final or once or delivery.tries >= len(OFFSETS):
        return DeliveryState.DEAD, 0.0
    spent = (delivery.taken_at - delivery.first_at) / 1000 + seconds
    spread = 1 - JITTER + 2 * JITTER * chance()
    wait = max(_SHORTEST_WAIT_SECONDS, OFFSETS[delivery.tries] * spread - spent)
    asked = reply.retry_after_seconds if isinstance(reply, Answered) else None
    return DeliveryState.PENDING, max(wait, min(asked or 0.0, LONGEST_WAIT_SECONDS))


def _error(reply: Reply) -> str | None:
    if not isinstance(reply, Answered):
        return reply.reason
    if is_delivered(reply):
        return None
    if 300 <= reply.status < 400:
        return f"it answered HTTP {reply.status}; redirects are not followed"
    return f"it answered HTTP {reply.status}"
