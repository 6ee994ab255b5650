"""Wake-ups within one server: who waits for a prediction hears of every change of it.

The rule that loses no wake-up: subscribe first, then read the row, then wait.
"""

import asyncio
from collections.abc import Callable, Collection, Generator
from contextlib import contextmanager

from darkroom.domain.ids import PredictionId
from darkroom.domain.prediction import Prediction


class Subscription:
    """One listener's view of one prediction; `latest` is the newest state heard of."""

    def __init__(self) -> None:
        self.latest: Prediction | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._fresh = False
        self._fault: BaseException | None = None
        self._timed_out = False

    def hear(self, prediction: Prediction) -> None:
        """Take note of a change."""
        self.latest = prediction
        self._wake()

    def fail_with(self, done: "asyncio.Future[Prediction]") -> None:
        """Make whoever waits raise what *done* raised; a result changes nothing."""
        self._fault = done.exception()
        if self._fault is not None:
            self._wake()

    def _wake(self) -> None:
        self._fresh = True
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def changed(self) -> None:
        """Wait for the next change that has not been waited for yet."""
        if not self._fresh:
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        self._fresh = False
        if self._fault is not None:
            raise self._fault

    async def ended(self, seconds: float) -> Prediction | None:
        """Wait until the prediction is terminal; None when *seconds* have passed before."""
        timer = asyncio.get_running_loop().call_later(seconds, self._time_out)
        try:
            while self.latest is None or not self.latest.terminal:
                if self._timed_out:
                    return None
                await self.changed()
        finally:
            timer.cancel()
        return self.latest

    def _time_out(self) -> None:
        self._timed_out = True
        self._wake()


class Hub:
    """Topics by prediction id, waiters by topic."""

    def __init__(self) -> None:
        self._topics: dict[PredictionId, list[Subscription]] = {}
        self._listeners: list[Callable[[Prediction], None]] = []
        self._announcers: list[Callable[[Prediction], None]] = []
        self._minders: list[Callable[[Prediction], None]] = []

    def listen(self, listener: Callable[[Prediction], None]) -> None:
        """Have *listener* called with every change of every prediction, for good."""
        self._listeners.append(listener)

    def announce(self, announcer: Callable[[Prediction], None]) -> None:
        """Have *announcer* called with every change that this server makes, for good."""
        self._announcers.append(announcer)

    def mind_ends(self, minder: Callable[[Prediction], None]) -> None:
        """Have *minder* called with every end before a client is told of it, perhaps often."""
        self._minders.append(minder)

    @property
    def topics(self) -> Collection[PredictionId]:
        """The predictions that have subscribers."""
        return self._topics.keys()

    def followed(self, prediction: PredictionId) -> bool:
        """Whether anybody has subscribed to a prediction."""
        return prediction in self._topics

    def publish(self, prediction: Prediction) -> None:
        """Tell whoever is to know of a change that this server made; call it after the commit."""
        for announcer in self._announcers:
            announcer(prediction)
        self.relay(prediction)

    def relay(self, prediction: Prediction) -> None:
        """Tell every listener and the subscribers of a change, whichever server made it."""
        self.saw(prediction)
        for listener in self._listeners:
            listener(prediction)
        for subscription in self._topics.get(prediction.id, ()):
            subscription.hear(prediction)

    def saw(self, prediction: Prediction) -> None:
        """Somebody is to be told what the store says of a prediction.

        A read can show a change before this server has heard of it, even its own: who is told of an
        end must not be refused because we do not know of it yet.
        """
        if prediction.terminal:
            for minder in self._minders:
                minder(prediction)

    @contextmanager
    def subscribed(
        self, prediction: PredictionId, subscription: Subscription | None = None
    ) -> Generator[Subscription]:
        """Listen until the block ends, with a *subscription* of one's own or a plain one."""
        subscription = subscription or Subscription()
        topic = self._topics.setdefault(prediction, [])
        topic.append(subscription)
        try:
            yield subscription
        finally:
            topic.remove(subscription)
            if not topic:
                self._topics.pop(prediction, None)
