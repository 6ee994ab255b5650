"""Predictions: create, wait for, follow, look at, list and cancel."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from darkroom.domain.errors import NotFound
from darkroom.domain.events import Event, EventKind
from darkroom.domain.ids import Owner, PredictionId, is_prediction_id
from darkroom.domain.model import Json, Model, Version
from darkroom.domain.prediction import Prediction
from darkroom.ports.predictions import Acceptance, Page, PredictionStore
from darkroom.service.dispatch import Dispatcher
from darkroom.service.hub import Hub
from darkroom.service.seats import Seat
from darkroom.service.spool import Spool

_NO_ANSWER = "The requested resource could not be found."


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPrediction:
    """A request to run a version; its input has passed the version's schema."""

    owner: Owner
    model: Model
    version: Version
    input: Mapping[str, Json]
    webhook: str | None = None
    webhook_events: Sequence[str] = ()
    webhook_site: str | None = None
    deployment: str | None = None
    destination: str | None = None
    cancel_after_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Created:
    """A prediction right after its creation; `ended` says whether the wait saw its end."""

    prediction: Prediction
    ended: bool


class Predictions:
    """What owners can do with predictions."""

    def __init__(
        self,
        *,
        store: PredictionStore,
        dispatcher: Dispatcher,
        hub: Hub,
        spool: Spool,
        ids: Callable[[], PredictionId],
    ) -> None:
        self._store = store
        self._dispatcher = dispatcher
        self._hub = hub
        self._spool = spool
        self._ids = ids

    async def create(self, new: NewPrediction, *, wait_seconds: float | None) -> Created:
        """Accept a prediction; it is on disk before this returns.

        Args:
            new: what to run.
            wait_seconds: how long to wait for the end; None returns at once.
        """
        id_ = self._ids()
        text, files = await self._spool.take(id_, new.owner, new.version, new.input)
        # Nothing may be awaited between taking the slot and queueing the insert: whoever gives
        # the slot up later relies on the insert being on its way.
        key = (id_, 1)
        seat = self._dispatcher.reserve(new.version, key)
        acceptance = Acceptance(
            id=id_,
            owner=new.owner,
            model=new.model.path,
            version=new.version.id,
            shape=new.version.shape,
            input=text,
            input_files=files,
            webhook=new.webhook,
            webhook_events=new.webhook_events,
            webhook_site=new.webhook_site,
            deployment=new.deployment,
            destination=new.destination,
            cancel_after_ms=new.cancel_after_ms,
            holder=seat.holder if seat else None,
            patient=seat is not None and wait_seconds is not None,
        )
        with self._hub.subscribed(id_) as subscription:
            accepted = asyncio.ensure_future(self._store.accept(acceptance))
            if seat is not None and wait_seconds is not None:
                # The job leaves while the insert is flushed: the writer keeps their order, so a
                # finish can never be committed before the insert it belongs to.
                self._dispatcher.send(seat, new.version, key, text, files)
            accepted.add_done_callback(
                partial(
                    self._accepted, seat, acceptance, new.version, sent=wait_seconds is not None
                )
            )
            accepted.add_done_callback(subscription.fail_with)
            if wait_seconds is None:
                return Created(prediction=await asyncio.shield(accepted), ended=False)
            ended = await subscription.ended(wait_seconds)
            prediction = ended or subscription.latest or await asyncio.shield(accepted)
            return Created(prediction=prediction, ended=ended is not None)

    def _accepted(
        self,
        seat: Seat | None,
        new: Acceptance,
        version: Version,
        done: "asyncio.Future[Prediction]",
        *,
        sent: bool,
    ) -> None:
        """See an accepted prediction on its way, also when the client has gone meanwhile."""
        failed = done.exception() is not None
        if seat is None:
            if not failed:
                self._dispatcher.wake(version)
        elif failed:
            self._dispatcher.refuse(seat, (new.id, 1), sent=sent)
        elif not sent:
            self._dispatcher.send(seat, version, (new.id, 1), new.input, new.input_files)

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
            found = await self._store.get(prediction)
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
