"""Predictions: create, wait for, follow, look at, list and cancel."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass

from darkroom.domain.errors import NotFound
from darkroom.domain.events import Event, EventKind
from darkroom.domain.ids import Owner, PredictionId, is_prediction_id
from darkroom.domain.model import Json, Model, Version
from darkroom.domain.prediction import JsonText, Prediction
from darkroom.ports import Acceptance, Page, PredictionStore
from darkroom.service.dispatch import Dispatcher
from darkroom.service.hub import Hub
from darkroom.service.spool import Spool

_NO_ANSWER = "The requested resource could not be found."


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPrediction:
    """A request to run a version; its input has passed the version's schema."""

    owner: Owner
    model: Model
    version: Version
    input: Mapping[str, Json]
    input_text: JsonText
    webhook: str | None = None
    webhook_events: Sequence[str] = ()
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
        text, files = await self._spool.take(id_, new.owner, new.version, new.input, new.input_text)
        seat = self._dispatcher.offer(new.version)
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
            cancel_after_ms=new.cancel_after_ms,
            holder=seat.holder if seat else None,
            patient=seat is not None and wait_seconds is not None,
        )
        if seat is None:
            return await self._queued(new.version, acceptance, wait_seconds)
        if wait_seconds is None:
            prediction = await self._store.accept(acceptance)
            self._dispatcher.assign(seat, new.version, (id_, 1), text, files)
            return Created(prediction=prediction, ended=False)
        with self._hub.subscribed(id_) as subscription:
            # The job leaves while the insert is flushed: the writer keeps their order, so a
            # finish can never be committed before the insert it belongs to.
            accepted = asyncio.ensure_future(self._store.accept(acceptance))
            self._dispatcher.assign(seat, new.version, (id_, 1), text, files)
            accepted.add_done_callback(
                lambda done: done.exception() and subscription.fail(_fault(done))
            )
            try:
                ended = await subscription.ended(wait_seconds)
            except Exception:
                self._dispatcher.drop(seat, (id_, 1))
                raise
            prediction = ended or subscription.latest or await accepted
            return Created(prediction=prediction, ended=ended is not None)

    async def _queued(
        self, version: Version, acceptance: Acceptance, wait_seconds: float | None
    ) -> Created:
        with self._hub.subscribed(acceptance.id) as subscription:
            prediction = await self._store.accept(acceptance)
            self._dispatcher.wake(version)
            if wait_seconds is None:
                return Created(prediction=prediction, ended=False)
            ended = await subscription.ended(wait_seconds)
            latest = ended or subscription.latest or prediction
            return Created(prediction=latest, ended=ended is not None)

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


def _fault(done: "asyncio.Future[Prediction]") -> BaseException:
    return done.exception() or RuntimeError("the accept failed")
