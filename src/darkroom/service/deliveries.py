"""Sends webhooks: takes what is due from the outbox, tries it once, keeps what came of it.

A change of a prediction wakes it; otherwise it sleeps until the next delivery is due. What is
under way when the server dies is found again by the next one.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import TypeAlias

import structlog

from darkroom.domain.errors import DarkroomError, NotFound, StoreBusy
from darkroom.domain.ids import PredictionId
from darkroom.domain.prediction import Prediction
from darkroom.ports.predictions import PredictionStore
from darkroom.ports.serving import Clock
from darkroom.ports.webhooks import (
    Delivery,
    DeliveryState,
    Endpoint,
    KeptDelivery,
    Message,
    Outbox,
    Poster,
    Reply,
    Unanswered,
    Undeliverable,
    WebhookEvent,
    endpoint_of,
)
from darkroom.service.gates import PROBE_SECONDS, Gates, Shut, host_of
from darkroom.service.retrying import is_delivered, verdict
from darkroom.service.webhook_secrets import WebhookSecrets

_log = structlog.get_logger()
LONGEST_SLEEP_SECONDS = 60.0
_RETRY_SECONDS = 1.0

Spell: TypeAlias = Callable[[Prediction, WebhookEvent], Awaitable[bytes]]
"""Makes a webhook's body: the prediction as it is shown, for this event."""


class Deliveries:
    """Everything a server does about webhooks after they have become due.

    Args:
        outbox: what waits.
        store: the predictions to tell of.
        poster: carries messages out.
        spell: makes bodies.
        secrets: what they are signed with.
        clock: time.
        chance: a number from 0 to below 1.
        saw: called with each prediction before anybody is told of it.
    """

    def __init__(  # noqa: PLR0913  # it joins them
        self,
        *,
        outbox: Outbox,
        store: PredictionStore,
        poster: Poster,
        spell: Spell,
        secrets: WebhookSecrets,
        clock: Clock,
        chance: Callable[[], float],
        saw: Callable[[Prediction], None] = lambda _: None,
    ) -> None:
        self._outbox = outbox
        self._store = store
        self._poster = poster
        self._spell = spell
        self._secrets = secrets
        self._clock = clock
        self._chance = chance
        self._saw = saw
        self._gates = Gates(clock)
        self._woken = asyncio.Event()
        self._under_way: set[asyncio.Task[None]] = set()
        self._loop: asyncio.Task[None] | None = None
        self._closing = False
        self._turn = 0
        self._turns: dict[str, int] = {}  # by endpoint: when it was last served

    def hear(self, prediction: Prediction) -> None:
        """A change of a prediction has been committed; look at once if it names a webhook."""
        if prediction.webhook is not None:
            self._woken.set()

    async def start(self) -> None:
        """Begin to send, with what an earlier server left.

        Raises:
            StoreBusy: the outbox cannot be written now.
        """
        await self._outbox.recover()
        self._loop = asyncio.create_task(self._run())

    async def _run(self) -> None:
        away = False
        while not self._closing:
            try:
                sleep = await self.once()
                away = False
            except StoreBusy as error:
                if not away:
                    _log.warning("webhooks.postponed", error=str(error))
                away, sleep = True, _RETRY_SECONDS
            except Exception:  # noqa: BLE001  # the top of a loop that must not end
                _log.exception("webhooks.failed")
                sleep = _RETRY_SECONDS
            with suppress(TimeoutError):
                async with asyncio.timeout(sleep):
                    await self._woken.wait()

    async def once(self) -> float:
        """Start to send what is due and may be sent; returns how many seconds it can wait.

        Raises:
            StoreBusy: the outbox cannot be read or written now.
        """
        if not self._closing:
            self._woken.clear()
        waiting = await self._outbox.endpoints()
        self._turns = {
            one.address: turn
            for one in waiting
            if (turn := self._turns.get(one.address)) is not None
        }
        due = sorted(
            (one.address for one in waiting if one.due), key=lambda one: self._turns.get(one, 0)
        )
        await self._serve_all(due)
        return min((LONGEST_SLEEP_SECONDS, *map(self._sleep, waiting)))

    def look(self) -> None:
        """Look soon for what is due, whoever has put it there."""
        self._woken.set()

    async def settled(self) -> None:
        """Wait until nothing is under way."""
        while self._under_way:
            await asyncio.wait(self._under_way)

    async def close(self, seconds: float) -> None:
        """Begin nothing more; what is under way may end for that long, or is sent again later."""
        self._closing = True
        self._woken.set()
        if self._loop is not None:
            await self._loop
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=seconds)
        broken_off = list(self._under_way)
        for task in broken_off:
            task.cancel()
        await asyncio.gather(*broken_off, return_exceptions=True)

    async def kept(self, prediction: PredictionId) -> Sequence[KeptDelivery]:
        """All deliveries of a prediction with their tries."""
        return await self._outbox.kept(prediction)

    async def resend(self, prediction: PredictionId, n: int | None) -> int:
        """Send again at once, under the same id; that of the end unless *n* is given.

        Raises:
            NotFound: the prediction has no such delivery.
        """
        found = await self._outbox.resend(prediction, n)
        if found is None:
            which = "of its end" if n is None else f"with the number {n}"
            raise NotFound(f"This prediction has no webhook {which}.")
        self._woken.set()
        return found

    def waits_for(self, prediction: Prediction) -> Shut | None:
        """The breaker that keeps the webhooks of *prediction* waiting; None if none does."""
        return self._gates.shut(endpoint_of(prediction.webhook))

    async def _serve_all(self, due: Sequence[str]) -> None:
        """Serve every endpoint; room that was kept for one of them and not used is another's."""
        left: list[str] = list(due)
        while left and not self._closing:
            taken = await asyncio.gather(*(self._serve(address) for address in left))
            if not any(taken):
                return
            served = {one for one, count in zip(left, taken, strict=True) if count is not None}
            left = [one for one in left if one not in served and self._gates.room(one)]

    async def _serve(self, endpoint: str) -> int | None:
        """Start what there is room for; returns how many, None if there was no room."""
        room = self._gates.room(endpoint)
        if not room:
            return None
        self._turn += 1
        self._turns[endpoint] = self._turn
        self._gates.enter(endpoint, room)
        taken: Sequence[Delivery] = ()
        try:
            taken = await self._outbox.take(endpoint, room)
        finally:
            self._gates.leave(endpoint, room - len(taken))
        for delivery in taken:
            task = asyncio.create_task(self._deliver(endpoint, delivery))
            self._under_way.add(task)
            task.add_done_callback(partial(self._ended, endpoint))
        return len(taken)

    def _ended(self, endpoint: str, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        self._gates.leave(endpoint)
        self._woken.set()

    def _sleep(self, one: Endpoint) -> float:
        """Until an endpoint is worth a look; whatever ends under way wakes us besides."""
        later = math.inf if one.later_ms is None else one.later_ms / 1000
        return min(later, self._gates.probe_in(one.address)) if one.due else later

    async def _deliver(self, endpoint: str, delivery: Delivery) -> None:
        began = self._clock.monotonic()
        try:
            reply = await self._tried(endpoint, delivery)
        except StoreBusy as error:
            reply = Unanswered(str(error))
        except Exception as error:  # noqa: BLE001  # the top of a task: told, and tried again
            _log.exception("webhook.broke", prediction=delivery.prediction)
            reply = Unanswered(f"its body could not be made ({type(error).__name__})")
        seconds = self._clock.monotonic() - began
        done = verdict(delivery, reply, seconds, self._chance)
        if done.error is not None:
            _log.info(
                "webhook.failed",
                prediction=delivery.prediction,
                webhook_event=delivery.event,
                tries=delivery.tries,
                given_up=done.state is DeliveryState.DEAD,
                error=done.error,
            )
        try:
            await self._outbox.settle(done)
        except DarkroomError as error:  # it is due again when its lease is over
            _log.warning("webhook.unsettled", prediction=delivery.prediction, error=str(error))

    async def _tried(self, endpoint: str, delivery: Delivery) -> Reply:
        prediction = await self._store.get(delivery.prediction)
        if prediction is None or prediction.webhook is None:
            return Undeliverable("the prediction is not there any more")
        self._saw(prediction)
        body = await self._spell(prediction, delivery.event)
        message = Message(
            url=prediction.webhook,
            id=message_id(delivery.prediction, delivery.n),
            at=self._clock.wall_ms() // 1000,
            body=body,
            secret=await self._secrets.of(prediction.owner),
        )
        reply = await self._poster.post(message)
        self._judge(endpoint, delivery, reply)
        return reply

    def _judge(self, endpoint: str, delivery: Delivery, reply: Reply) -> None:
        """Tell the breaker; what is sent only once may fail without shutting an endpoint."""
        if is_delivered(reply):
            if self._gates.answered(endpoint):
                _log.info("endpoint.opened", host=host_of(endpoint))
        elif (
            delivery.event is WebhookEvent.COMPLETED
            and not isinstance(reply, Undeliverable)
            and self._gates.failed(endpoint)
        ):
            _log.warning("endpoint.shut", host=host_of(endpoint), probe_seconds=PROBE_SECONDS)


def message_id(prediction: PredictionId, n: int) -> str:
    """What a receiver knows a delivery by, the same at every try; without a dot, for signing."""
    return f"msg_{prediction}_{n}"
