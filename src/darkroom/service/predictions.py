"""Predictions: create, wait for, follow, look at, list and cancel."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractContextManager, asynccontextmanager
from functools import partial
from typing import TypeVar

import structlog

from darkroom.domain.errors import NotFound, StoreBusy
from darkroom.domain.events import Event, EventKind
from darkroom.domain.ids import Owner, PredictionId, is_prediction_id
from darkroom.domain.prediction import Prediction
from darkroom.ports.predictions import Page, PredictionStore
from darkroom.service.dispatch import Dispatcher
from darkroom.service.hub import Hub
from darkroom.service.intake import Created, Intake, NewPrediction
from darkroom.service.limits import Streams
from darkroom.service.previews import Look
from darkroom.service.recording import RETRY_SECONDS

T = TypeVar("T")
_log = structlog.get_logger()
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

    async def create_all(
        self, several: Sequence[NewPrediction], *, wait_seconds: float
    ) -> Sequence[Created]:
        """Accept all predictions of one request or none of them, then wait for their ends.

        Args:
            several: whose submissions differ.
            wait_seconds: how long to wait.

        Raises:
            DarkroomError: what the first was refused with; those that were accepted by then are
                canceled, and a repeat of the request does not get them.
        """
        try:
            accepting = [self.intake.create(one, wait_seconds=None, held=True) for one in several]
            accepted = await asyncio.gather(*accepting, return_exceptions=True)
            made = [one for one in accepted if isinstance(one, Created)]
            refusals = [one for one in accepted if isinstance(one, BaseException)]
            if refusals:
                await self._withdraw(several, accepted, refusals[0])
                raise refusals[0]
            waiting = [self.intake.wait(one, wait_seconds) for one in made]
            return await asyncio.gather(*waiting)
        finally:
            for one in several:
                self.intake.answered(one)

    async def _withdraw(
        self,
        several: Sequence[NewPrediction],
        accepted: Sequence[Created | BaseException],
        refusal: BaseException,
    ) -> None:
        """Undo what this request has made; what an earlier one has made stays."""
        undoing = [
            self._undo(new, one.prediction.id, refusal)
            for new, one in zip(several, accepted, strict=True)
            if isinstance(one, Created) and one.repeat is None
        ]
        for error in await asyncio.gather(*undoing, return_exceptions=True):
            if error is not None:
                _log.warning("prediction.not_withdrawn", error=repr(error))

    async def _undo(self, new: NewPrediction, made: PredictionId, refusal: BaseException) -> None:
        await self.intake.forget(new, made, refusal)
        await self.cancel(made, new.owner)

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
        found = await self._store.get(prediction) if is_prediction_id(prediction) else None
        if found is not None:
            self._hub.saw(found)
        return found

    async def page(self, owner: Owner, page: Page) -> Sequence[Prediction]:
        """One page of *owner*'s predictions, newest first."""
        found = await self._store.page(owner, page)
        for one in found:
            self._hub.saw(one)
        return found

    async def cancel(self, prediction: PredictionId, owner: Owner) -> Prediction:
        """Cancel; final when this returns. A prediction that has ended stays as it is.

        Raises:
            NotFound: as for `get`.
        """
        known = is_prediction_id(prediction)
        canceled = await self._store.cancel(prediction, owner) if known else None
        if canceled is None:
            raise NotFound(_NO_ANSWER)
        self._hub.publish(canceled)
        self._dispatcher.stop(prediction)
        return canceled

    def streaming(self, owner: Owner) -> AbstractContextManager[None]:
        """Count a stream of one of *owner*'s predictions until the block ends.

        Raises:
            Throttled: as many as are allowed are open.
        """
        return self._streams.opened(owner)

    async def follow(
        self, prediction: PredictionId, *, after: int, idle_seconds: float
    ) -> AsyncIterator[Event | None]:
        """Every event after number *after*, until the last; None when nothing came for a while.

        Args:
            prediction: exists.
            after: number of the last event the listener has seen; 0 for none.
            idle_seconds: how long to be silent before yielding None.
        """
        with self._hub.subscribed(prediction) as subscription:
            found = await _at_last(partial(self.look, prediction))
            # A client may name an event that is still to come, or the very last one.
            after = min(after, found.event_count) if found else after
            if found is not None and found.terminal and after == found.event_count:
                return
            while True:
                for event in await _at_last(partial(self._store.events, prediction, after)):
                    after = event.n
                    if event.kind is EventKind.DONE:
                        await self._heed(prediction, subscription.latest or found)
                    yield event
                    if event.kind is EventKind.DONE:
                        return
                try:
                    async with asyncio.timeout(idle_seconds):
                        await subscription.changed()
                except TimeoutError:
                    yield None

    async def _heed(self, prediction: PredictionId, known: Prediction | None) -> None:
        """Know of the end of *prediction* before its listener is told of it."""
        if known is None or not known.terminal:
            await _at_last(partial(self.look, prediction))

    @asynccontextmanager
    async def looking(self, prediction: PredictionId) -> AsyncGenerator[Look]:
        """Look at the previews of a prediction until the block ends.

        Raises:
            NotFound: there is none of that id.
        """
        with self._dispatcher.previews.looking(prediction) as look:
            found = await _at_last(partial(self.look, prediction))
            if found is None:
                raise NotFound(_NO_ANSWER)
            if look.latest is None:
                look.hear(found)
            yield look


async def _at_last(read: Callable[[], Awaitable[T]]) -> T:
    """What *read* finds once the database answers: a listener has time, a cut stream has not."""
    while True:
        try:
            return await read()
        except StoreBusy:
            await asyncio.sleep(RETRY_SECONDS)
