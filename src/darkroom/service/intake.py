"""How a request becomes a prediction, and only one: on disk, and on its way to a worker."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from typing import TypeVar

from darkroom.domain.errors import KeyReused, NotFound
from darkroom.domain.ids import Owner, PredictionId, first_id
from darkroom.domain.model import Json, Model, Version
from darkroom.domain.prediction import Prediction
from darkroom.ports.predictions import Acceptance, PredictionStore
from darkroom.ports.requests import Remembered, RequestStore
from darkroom.service.dispatch import Dispatcher
from darkroom.service.hub import Hub
from darkroom.service.limits import Queue, Room
from darkroom.service.repeats import MOST, WINDOW_SECONDS, Repeats, Submission
from darkroom.service.runs import Runs
from darkroom.service.seats import Seat
from darkroom.service.spool import Spool

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPrediction:
    """A request to run a version; its input has passed the version's schema.

    `origin` is the scheme and host under which the client found us. Without a `priority` it has its
    owner's. Without a `submission` it is like no other request.
    """

    owner: Owner
    model: Model
    version: Version
    input: Mapping[str, Json]
    origin: str | None = None
    webhook: str | None = None
    webhook_events: Sequence[str] = ()
    webhook_site: str | None = None
    deployment: str | None = None
    destination: str | None = None
    cancel_after_ms: int | None = None
    priority: int | None = None
    submission: Submission | None = None


class Repeat(StrEnum):
    """Why a request is answered with a prediction that was there before."""

    REPLAYED = "replayed"  # its idempotency key stands for it
    ADOPTED = "adopted"  # an equal request has made it, whose answer got lost


@dataclass(frozen=True, slots=True, kw_only=True)
class Created:
    """What a creation is answered with; `ended` says whether the wait saw its end."""

    prediction: Prediction
    ended: bool
    repeat: Repeat | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """Accepts predictions.

    Args:
        requests: which request has made which prediction.
        ids: mints.
        queue: how many of an owner may wait and run.
        room: whether the disk takes more.
        repeats: finds an earlier submission of a request; None looks for none.
        runs: counts what is accepted.
    """

    store: PredictionStore
    requests: RequestStore
    dispatcher: Dispatcher
    hub: Hub
    spool: Spool
    ids: Callable[[], PredictionId]
    queue: Queue
    room: Room
    repeats: Repeats | None
    runs: Runs = field(default_factory=Runs)
    _making: dict[tuple[Owner, str], "asyncio.Future[Prediction | Remembered]"] = field(
        default_factory=dict, init=False
    )

    async def create(
        self, new: NewPrediction, *, wait_seconds: float | None, held: bool = False
    ) -> Created:
        """Accept a prediction, or find what this request has made before; it is on disk by then.

        Args:
            new: what to run.
            wait_seconds: how long to wait for the end; None returns at once.
            held: the answer is held beyond this call, until `answered` is called.

        Raises:
            InvalidInput: a file input names an upload of this server that the owner has not, or the
                priority is higher than the owner's.
            KeyReused: the idempotency key stands for another request.
            Throttled: the owner has as many as are allowed.
        """
        submission = new.submission
        if submission is not None and submission.idempotency_key is not None:
            return await self._create_once(
                new, submission, submission.idempotency_key, wait_seconds
            )
        if submission is None or self.repeats is None:
            return await self._create(new, wait_seconds)
        try:
            made = await self.repeats.begin(submission)
            if made is not None:
                return await self._known(made, wait_seconds, Repeat.ADOPTED)
            return await self._create(new, wait_seconds)
        except BaseException as error:
            if submission.prediction is None:
                self.repeats.failed(submission, error)
            raise
        finally:
            if not held:
                self.repeats.answered(submission)

    async def wait(self, made: Created, seconds: float) -> Created:
        """What was made, once it has ended or *seconds* have passed."""
        return await self._known(made.prediction.id, seconds, made.repeat)

    def answered(self, new: NewPrediction) -> None:
        """Whoever asked for *new*, whose answer was held, is answered now."""
        submission = new.submission
        if self.repeats is not None and submission and submission.idempotency_key is None:
            self.repeats.answered(submission)

    async def forget(self, new: NewPrediction, made: PredictionId, error: BaseException) -> None:
        """Let *made* stand for its request no more, which was refused after all by *error*."""
        submission = new.submission
        if submission is None:
            return
        if self.repeats is not None and submission.idempotency_key is None:
            self.repeats.failed(submission, error)
        await self.requests.withdraw(made, new.owner, submission.idempotency_key)

    async def _create(self, new: NewPrediction, wait_seconds: float | None) -> Created:
        waits = wait_seconds is not None
        acceptance, seat = await self._prepared(new, patient=waits)
        id_ = acceptance.id
        with self.hub.subscribed(id_) as subscription:
            accepted = self._cleaning(acceptance, self.store.accept(acceptance))
            if seat is not None and waits:
                # The job leaves while the insert is flushed: the writer keeps their order, so a
                # finish can never be committed before the insert it belongs to.
                self._send(seat, acceptance, new.version)
            accepted.add_done_callback(
                partial(self._accepted, seat, acceptance, new.version, sent=waits)
            )
            if new.submission is not None:
                accepted.add_done_callback(partial(_settle, new.submission))
            accepted.add_done_callback(subscription.fail_with)
            if wait_seconds is None:
                return Created(prediction=await asyncio.shield(accepted), ended=False)
            ended = await subscription.ended(wait_seconds)
            prediction = ended or subscription.latest or await asyncio.shield(accepted)
            return Created(prediction=prediction, ended=ended is not None)

    async def _create_once(
        self, new: NewPrediction, submission: Submission, key: str, wait_seconds: float | None
    ) -> Created:
        """Create unless the idempotency *key* has made a prediction before."""
        known = await self._once(new, submission, key)
        repeat = Repeat.REPLAYED
        if not isinstance(known, Remembered):
            if wait_seconds is None:
                return Created(prediction=known, ended=False)
            known, repeat = Remembered(prediction=known.id, digest=submission.digest), None
        if known.digest != submission.digest:
            raise KeyReused(
                "This Idempotency-Key came with another request within the last 24 hours. "
                "Send that request unchanged, or choose a new key for this one."
            )
        return await self._known(known.prediction, wait_seconds, repeat)

    async def _once(
        self, new: NewPrediction, submission: Submission, key: str
    ) -> Prediction | Remembered:
        """What *key* has made, or makes now.

        One request with it at a time is looked at, so that its repeat counts against no limit.
        """
        place = (new.owner, key)
        while (elder := self._making.get(place)) is not None:
            await asyncio.wait([elder])
        making = asyncio.ensure_future(self._made_once(new, submission, key))
        self._making[place] = making
        making.add_done_callback(partial(self._made, place))
        return await asyncio.shield(making)

    def _made(
        self, place: tuple[Owner, str], making: "asyncio.Future[Prediction | Remembered]"
    ) -> None:
        del self._making[place]
        if not making.cancelled():
            making.exception()  # whoever asked may have gone

    async def _made_once(
        self, new: NewPrediction, submission: Submission, key: str
    ) -> Prediction | Remembered:
        known = await self.requests.remembered(new.owner, key)
        if known is not None:
            return known
        acceptance, seat = await self._prepared(new, patient=False)
        accepted = self._cleaning(
            acceptance, self.requests.accept_once(acceptance, key, submission.digest)
        )
        # The job leaves after the commit: only then it is known to be a new one.
        accepted.add_done_callback(
            partial(self._accepted, seat, acceptance, new.version, sent=False)
        )
        return await asyncio.shield(accepted)

    async def _prepared(
        self, new: NewPrediction, *, patient: bool
    ) -> tuple[Acceptance, Seat | None]:
        """What is handed to the store, and the worker whose slot is taken for it.

        Nothing may be awaited between this and queueing the insert: whoever gives the slot up
        later relies on the insert being on its way.
        """
        id_ = self.ids()
        fairness = self.dispatcher.fairness
        priority = fairness.owners.priority(new.owner, new.priority)
        self.room.check()
        self.queue.enter(new.owner, id_)
        try:
            text, files = await self.spool.take(
                id_, new.owner, new.version, new.input, origin=new.origin
            )
        except BaseException:
            self.queue.leave(new.owner, id_)
            raise
        # Whether an owner's running limit allows one more, only a claim can tell.
        limited = fairness.owners.running_limit(new.owner) > 0
        seat = None if limited else self.dispatcher.reserve(new.version, (id_, 1))
        submission = new.submission
        named = submission is not None and submission.idempotency_key is not None
        adoptable = self.repeats is not None and not named
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
            request_digest=submission.digest if submission and adoptable else None,
            pool=new.version.pool,
            priority=priority,
            fair_key=fairness.take_turn(new.owner, new.version, priority, waits=seat is None),
            limited=limited,
            cancel_after_ms=new.cancel_after_ms,
            holder=seat.holder if seat else None,
            patient=seat is not None and patient,
        )
        return acceptance, seat

    def _cleaning(self, new: Acceptance, change: Awaitable[T]) -> "asyncio.Future[T]":
        """*change*, which is to accept *new*; unless it does, no bytes of *new* stay behind."""
        spooled = [one.key for one in new.input_files if one.spooled]
        # Without such bytes nothing is put between: this is on everybody's way.
        return asyncio.ensure_future(self._or_clean(spooled, change) if spooled else change)

    async def _or_clean(self, keys: Sequence[str], change: Awaitable[T]) -> T:
        accepted = False
        try:
            made = await change
            accepted = not isinstance(made, Remembered)
            return made
        finally:
            if not accepted:
                await self.spool.forget(keys)

    async def _known(
        self, id_: PredictionId, wait_seconds: float | None, repeat: Repeat | None
    ) -> Created:
        """A prediction that is there, after waiting for its end if that was asked for."""
        with self.hub.subscribed(id_) as subscription:
            found = await self.store.get(id_)
            if found is None:
                raise NotFound("What this request has made before is gone.")
            self.hub.saw(found)
            if wait_seconds is None or found.terminal:
                return Created(prediction=found, ended=wait_seconds is not None, repeat=repeat)
            ended = await subscription.ended(wait_seconds)
            prediction = ended or subscription.latest or found
            return Created(prediction=prediction, ended=ended is not None, repeat=repeat)

    def _accepted(
        self,
        seat: Seat | None,
        new: Acceptance,
        version: Version,
        done: "asyncio.Future[Prediction] | asyncio.Future[Prediction | Remembered]",
        *,
        sent: bool,
    ) -> None:
        """See an accepted prediction on its way, also when the client has gone meanwhile."""
        failed = done.exception() is not None or isinstance(done.result(), Remembered)
        if failed:
            self.queue.leave(new.owner, new.id)
            if seat is None:
                self.dispatcher.fairness.refused(new.owner, version, new.priority)
        elif new.destination is None:
            self.runs.add(new.model, new.version, new.owner)
        if seat is None:
            if not failed:
                self.dispatcher.wake(version)
        elif failed:
            self.dispatcher.refuse(seat, (new.id, 1), sent=sent)
        elif not sent:
            self._send(seat, new, version)

    def _send(self, seat: Seat, new: Acceptance, version: Version) -> None:
        self.dispatcher.send(seat, version, (new.id, 1), new.input, new.input_files)

    async def recover(self, wall_ms: int) -> None:
        """Take up what an earlier server left: what it may not have told, and what has not ended.

        Args:
            wall_ms: now, in Unix milliseconds.
        """
        if self.repeats is not None:
            self.repeats.recall(await self.requests.recent(_since(wall_ms), MOST))
        if self.queue.limited:
            for id_, owner in await self.requests.unended():
                self.queue.enter(owner, id_, anyway=True)

    async def rest(self, wall_ms: int) -> None:
        """Before an orderly end: keep only those requests whose answers got lost.

        Args:
            wall_ms: now, in Unix milliseconds.
        """
        if self.repeats is not None:
            await self.requests.forget(_since(wall_ms), self.repeats.orphans())


def _settle(submission: Submission, accepted: "asyncio.Future[Prediction]") -> None:
    """Whoever adopts what *submission* makes need not wait any longer."""
    if accepted.exception() is None:
        submission.settle(accepted.result().id)


def _since(wall_ms: int) -> PredictionId:
    return first_id(wall_ms - WINDOW_SECONDS * 1000)
