"""Other servers on the same database: what they are told of, and what is done when they tell.

A hint only says where to look. What gets lost is found by a sweep, some seconds later.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterator

import structlog

from darkroom.domain.errors import DarkroomError, NotFound
from darkroom.domain.ids import PredictionId, VersionId
from darkroom.domain.prediction import Prediction
from darkroom.ports.predictions import Attempts, PredictionStore
from darkroom.ports.twins import Hint, Hints, News
from darkroom.service.catalogue import Catalogue
from darkroom.service.dispatch import Dispatcher
from darkroom.service.hub import Hub
from darkroom.service.watch import Watch

SWEEP_SECONDS = 3.0
_SWEPT_AT_ONCE = 200
_log = structlog.get_logger()


class Announcer:
    """Tells other servers what changes here; without others, only what is rare.

    Args:
        hints: carries it; None where there can be no other server.
        watch: knows whether there is one.
    """

    def __init__(self, hints: Hints | None = None, watch: Watch | None = None) -> None:
        self._hints = hints
        self._watch = watch

    @property
    def alone(self) -> bool:
        """Whether no other server is known to live."""
        return self._watch is None or self._watch.alone

    def changed(self, prediction: Prediction) -> None:
        """A prediction has changed here; for `Hub.announce`."""
        if prediction.terminal and prediction.destination is not None:
            self._tell_anyway(Hint(News.TRAINED, prediction.id))
        else:
            self._tell(Hint(News.ENDED if prediction.terminal else News.CHANGED, prediction.id))

    def waits(self, version: VersionId) -> None:
        """Something waits for a version, and no worker of this server takes it now."""
        self._tell(Hint(News.WAITING, version))

    def keys(self) -> None:
        """A key was made or revoked here."""
        self._tell_anyway(Hint(News.KEYS))

    def models(self) -> None:
        """A model or version was made, changed or deleted here."""
        self._tell_anyway(Hint(News.MODELS))

    def _tell(self, hint: Hint) -> None:
        if not self.alone:
            self._tell_anyway(hint)

    def _tell_anyway(self, hint: Hint) -> None:
        """Tell what is rare and what no sweep finds also when nobody is known to be there.

        Another server may have listened for two seconds before this one knows of it.
        """
        if self._hints is not None:
            self._hints.tell(hint)


class Twins:
    """Does what other servers give reason for.

    Args:
        store: where a hint leads.
        attempts: what waits.
        catalogue: versions by id.
        hub: who waits for what.
        dispatcher: this server's workers.
        watch: which servers live.
        minded: predictions besides those of the hub whose end matters here.
        keys: reads all keys anew.
        models: reads all models anew.
        deliveries: looks for webhooks that are due.
    """

    def __init__(  # noqa: PLR0913  # it joins them
        self,
        *,
        store: PredictionStore,
        attempts: Attempts,
        catalogue: Catalogue,
        hub: Hub,
        dispatcher: Dispatcher,
        watch: Watch,
        minded: Callable[[], Collection[PredictionId]],
        keys: Callable[[], Awaitable[None]],
        models: Callable[[], Awaitable[None]],
        deliveries: Callable[[], None],
    ) -> None:
        self._store = store
        self._attempts = attempts
        self._catalogue = catalogue
        self._hub = hub
        self._dispatcher = dispatcher
        self._watch = watch
        self._minded = minded
        self._keys = keys
        self._models = models
        self._deliveries = deliveries
        self._doing: set[asyncio.Task[None]] = set()
        self._turn = 0
        self.hurried = asyncio.Event()

    def heard(self, hint: Hint) -> None:
        """Another server tells something."""
        match hint.news:
            case News.WAITING:
                self._wake(VersionId(hint.subject))
            case News.KEYS:
                self._do(self._again(self._keys))
            case News.MODELS:
                self._do(self._again(self._models))
            case News.CHANGED | News.ENDED | News.TRAINED:
                self._heard_of(PredictionId(hint.subject), hint.news)

    def missed(self) -> None:
        """Hints may have been lost: a sweep is due now."""
        self.heard(Hint(News.MODELS))
        self.hurried.set()

    async def once(self) -> None:
        """Tell that this server lives; what the dead have left runs again.

        Raises:
            StoreBusy: the database does not answer now.
        """
        for attempt in await self._watch.once():
            self._dispatcher.recovery.release(attempt, "its server went away.")

    async def sweep(self) -> None:
        """Look for whatever a hint should have told.

        Raises:
            StoreBusy: the database does not answer now.
        """
        self.hurried.clear()
        await self._dispatcher.look_elsewhere()
        if self._dispatcher.has_room or self._watch.alone:
            for version in await self._attempts.waiting():
                if not self._wake(version) and self._watch.alone:
                    await self._dispatcher.recovery.fail_unknown(version)
        for id_ in self._some():
            await self._relay(id_)
        await self._keys()
        self._deliveries()

    def _heard_of(self, id_: PredictionId, news: News) -> None:
        if news is not News.CHANGED:
            self._dispatcher.stop(id_)
        if news is News.TRAINED or self._hub.followed(id_) or id_ in self._minded():
            self._do(self._relay(id_))

    def _wake(self, version: VersionId) -> bool:
        try:
            self._dispatcher.wake_quietly(self._catalogue.version(version)[1])
        except NotFound:  # another server serves it, or will
            return False
        return True

    async def _relay(self, id_: PredictionId) -> None:
        found = await self._store.get(id_)
        if found is not None:
            self._hub.relay(found)
            if found.terminal:
                self._dispatcher.stop(id_)

    def _some(self) -> Iterator[PredictionId]:
        """What somebody here waits for and runs elsewhere; a part each time, if it is much."""
        wanted = sorted({*self._hub.topics, *self._minded()} - self._dispatcher.held)
        for turn in range(min(len(wanted), _SWEPT_AT_ONCE)):
            yield wanted[(self._turn + turn) % len(wanted)]
        self._turn += _SWEPT_AT_ONCE

    async def _again(self, read: Callable[[], Awaitable[None]]) -> None:
        await read()

    def _do(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.create_task(_logged(work))
        self._doing.add(task)
        task.add_done_callback(self._doing.discard)


async def _logged(work: Coroutine[object, object, None]) -> None:
    try:
        await work
    except DarkroomError as error:  # the sweep comes by again
        _log.warning("hint.unheeded", error=str(error))
    except Exception:  # noqa: BLE001  # the top of a task
        _log.exception("hint.failed")
