"""Predictions: create, wait for, follow, look at, list and cancel."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack

from darkroom.domain.errors import NotFound
from darkroom.domain.events import Event, EventKind
from darkroom.domain.ids import Owner, PredictionId, is_prediction_id
from darkroom.domain.prediction import Prediction
from darkroom.ports.predictions import Page, PredictionStore
from darkroom.service.dispatch import Dispatcher
from darkroom.service.hub import Hub
from darkroom.service.intake import Created, Intake, NewPrediction
from darkroom.service.limits import Streams

_NO_ANSWER = "The requested resource could not be found."


class Predictions:
    """What owners can do with predictions."""

    def __init__(
        self,
        *,
        store: PredictionStore,
        dispatcher: Dispatcher,
        hub: Hub,
        intake: Intake,
        streams: Streams,
    ) -> None:
        self._store = store
        self._dispatcher = dispatcher
        self._hub = hub
        self._streams = streams
        self.intake = intake

    async def create(self, new: NewPrediction, *, wait_seconds: float | None) -> Created:
        """Accept a prediction; see `Intake.create`."""
        return await self.intake.create(new, wait_seconds=wait_seconds)

    async def get(self, prediction: PredictionId, owner: Owner) -> Prediction:
        """One of *owner*'s predictions.

        Raises:
            NotFound: there is none of that id, or it is somebody else's.
        """
        found = await self.look(prediction)
        if found is None or found.owner != owner:
            raise NotFound(_NO_ANSWER)
        return found

    async def look(self, prediction: PredictionId) -> Prediction | None:
        """A prediction whoever's it is; for those who hold a capability of it."""
        return await self._store.get(prediction) if is_prediction_id(prediction) else None

    async def page(self, owner: Owner, page: Page) -> Sequence[Prediction]:
        """One page of *owner*'s predictions, newest first."""
        return await self._store.page(owner, page)

    async def cancel(self, prediction: PredictionId, owner: Owner) -> Prediction:
        """Cancel; final when this returns. A prediction that has ended stays as it is.

        Raises:
            NotFound: as for `get`.
        """
        canceled = await self._store.cancel(prediction, owner)
        if canceled is None:
            raise NotFound(_NO_ANSWER)
        self._hub.publish(canceled)
        self._dispatcher.stop(prediction)
        return canceled

    def check_streams(self, owner: Owner) -> None:
        """Raise Throttled unless one more stream of *owner*'s predictions may be opened."""
        self._streams.check(owner)

    async def follow(
        self, prediction: PredictionId, *, after: int, idle_seconds: float
    ) -> AsyncIterator[Event | None]:
        """Every event after number *after*, until the last; None when nothing came for a while.

        Args:
            prediction: exists.
            after: number of the last event the listener has seen; 0 for none.
            idle_seconds: how long to be silent before yielding None.
        """
        with self._hub.subscribed(prediction) as subscription, ExitStack() as counted:
            found = await self._store.get(prediction)
            if found is not None:
                counted.enter_context(self._streams.opened(found.owner))
            # A client may name an event that is still to come, or the very last one.
            after = min(after, found.event_count) if found else after
            if found is not None and found.terminal and after == found.event_count:
                return
            while True:
                for event in await self._store.events(prediction, after):
                    after = event.n
                    yield event
                    if event.kind is EventKind.DONE:
                        return
                try:
                    async with asyncio.timeout(idle_seconds):
                        await subscription.changed()
                except TimeoutError:
                    yield None
