"""Webhooks: what waits to be sent, how a try is kept, and who carries it out of the machine."""

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, TypeAlias

from darkroom.domain.ids import PredictionId
from darkroom.domain.prediction import Milliseconds


class WebhookEvent(StrEnum):
    """What a webhook may tell, spelled as in `webhook_events_filter`."""

    START = "start"
    OUTPUT = "output"
    LOGS = "logs"
    COMPLETED = "completed"


class DeliveryState(StrEnum):
    """How far a delivery has come."""

    PENDING = "pending"  # waits for its time, or is being sent
    DELIVERED = "delivered"  # the receiver answered 2xx
    DEAD = "dead"  # given up
    DROPPED = "dropped"  # overtaken by the end of its prediction


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A delivery that has been taken, to be tried once now.

    `tries` counts this one. `taken_at` tells this taking from every other; `first_at` is when the
    first try was taken.
    """

    prediction: PredictionId
    n: int  # 1, 2, 3 … for each prediction
    event: WebhookEvent
    tries: int
    first_at: Milliseconds
    taken_at: Milliseconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Try:
    """What came of one try.

    Args:
        delivery: as it was taken.
        state: what the delivery is from now on.
        wait_ms: how long a delivery that stays pending waits.
        seconds: how long the try took.
        status: of the answer; None if there was none.
        error: why there was no answer, or none that will do.
        answer: the first bytes of it, as text.
    """

    delivery: Delivery
    state: DeliveryState
    wait_ms: int = 0
    seconds: float = 0.0
    status: int | None = None
    error: str | None = None
    answer: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """An address that deliveries wait for: whether any is due, and when the next one will be."""

    address: str
    due: bool
    later_ms: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptTry:
    """One line of a delivery's log."""

    at: Milliseconds
    status: int | None
    seconds: float
    error: str | None
    answer: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptDelivery:
    """A delivery as it is kept, with its tries; `next_at` means something while it is pending."""

    n: int
    event: WebhookEvent
    state: DeliveryState
    created_at: Milliseconds
    next_at: Milliseconds
    tries: Sequence[KeptTry]


def endpoint_of(webhook: str | None) -> str:
    """A webhook's address without query and fragment."""
    return (webhook or "").partition("#")[0].partition("?")[0]


class Outbox(Protocol):
    """Deliveries, durable. They are added by the transitions of predictions."""

    async def endpoints(self) -> Sequence[Endpoint]:
        """Every address that something waits for."""
        ...

    def take(self, address: str, most: int) -> Awaitable[Sequence[Delivery]]:
        """Up to *most* deliveries to an address, the longest due first; each is the taker's alone.

        Nothing is taken while another delivery of its prediction is being sent or is a `start`, and
        `completed` only when it is the last. What its taker does not `settle` within a minute is
        due again; except for `completed`, it is then dead.
        """
        ...

    def settle(self, done: Try) -> Awaitable[bool]:
        """Keep what came of a try; False, and nothing is kept, if its time was over."""
        ...

    def resend(self, prediction: PredictionId, n: int | None) -> Awaitable[int | None]:
        """Make a delivery due now, as if new; the one of the end unless *n* is given.

        Returns its number, None if there is none. One that is being sent is left alone.
        """
        ...

    def recover(self) -> Awaitable[object]:
        """Make due what an earlier server had taken; call it while no server sends."""
        ...

    async def kept(self, prediction: PredictionId) -> Sequence[KeptDelivery]:
        """All deliveries of a prediction with their tries, in order."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A webhook as it leaves: the same id at every try, the time that of the try."""

    url: str
    id: str
    at: int  # Unix seconds
    body: bytes
    secret: str  # whsec_ and base64


@dataclass(frozen=True, slots=True)
class Answered:
    """A receiver's answer, whatever its status."""

    status: int
    text: str = ""
    retry_after_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Unanswered:
    """Nobody answered; another try may help."""

    reason: str


@dataclass(frozen=True, slots=True)
class Undeliverable:
    """The address is none, or one we do not speak to; no try can help."""

    reason: str


Reply: TypeAlias = Answered | Unanswered | Undeliverable


class Poster(Protocol):
    """Carries webhooks out of the machine."""

    async def post(self, message: Message) -> Reply:
        """Sign and send; redirects are not followed. Raises nothing."""
        ...
