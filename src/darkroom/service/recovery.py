"""What servers have left: attempts that nobody runs now, versions that nobody serves now."""

import asyncio
from collections.abc import Callable

import structlog

from darkroom.domain.errors import NotFound, StoreBusy
from darkroom.domain.events import Finished, Report
from darkroom.domain.ids import VersionId, WorkerId
from darkroom.domain.model import Version
from darkroom.domain.prediction import Outcome
from darkroom.ports.predictions import (
    Asking,
    Attempts,
    Holder,
    LiveAttempt,
    Lost,
    PredictionStore,
)
from darkroom.ports.twins import Others
from darkroom.service.catalogue import Catalogue
from darkroom.service.recording import RETRY_SECONDS, Recorder

_log = structlog.get_logger()
_AT_ONCE = 100
_NOBODY = Holder(worker=WorkerId("server"), incarnation=0)
_NO_VERSION = "The version is no longer served here. Run a version that the model lists now."


class Recovery:
    """Sees that what was left runs again, or ends.

    Args:
        store: where predictions wait.
        attempts: which of them are open, and what waits.
        catalogue: versions by id.
        recorder: writes what becomes of them.
        others: whether there are other servers, which may serve what this one does not.
        expect: called with an attempt whose remote worker may come back.
        wake: called with each version that something waits for.
    """

    def __init__(
        self,
        *,
        store: PredictionStore,
        attempts: Attempts,
        catalogue: Catalogue,
        recorder: Recorder,
        others: Others,
        expect: Callable[[LiveAttempt], None],
        wake: Callable[[Version], None],
    ) -> None:
        self._store = store
        self._attempts = attempts
        self._catalogue = catalogue
        self._recorder = recorder
        self._others = others
        self._expect = expect
        self._wake = wake

    async def recover(self) -> None:
        """Take up what this server left at its last end, and wake what waits.

        Attempts of remote workers wait for these to come back.

        Raises:
            StoreBusy: the database does not answer now.
        """
        for live in await self._attempts.live():
            if live.holder.remote:
                self._expect(live)
            else:
                self.release(live, "the server was restarted.")
        await self._recorder.quiet()
        for version in await self._attempts.waiting():
            try:
                known = self._catalogue.version(version)[1]
            except NotFound:
                if self._others.alone:
                    await self.fail_unknown(version)
            else:
                await self._repool(known)
                self._wake(known)

    async def _repool(self, version: Version) -> None:
        """The operator may have moved a model to another pool."""
        moved = await self._attempts.repool(version.id, version.pool)
        if moved:
            _log.info("version.repooled", version=version.id, pool=version.pool, predictions=moved)

    def release(self, live: LiveAttempt, reason: str) -> None:
        """Have an attempt that nobody runs any more run again.

        That is counted against nobody, unless its worker was remote: that one could have come back.
        """
        remote = live.holder.remote
        self._recorder.record(
            Lost(
                prediction=live.prediction,
                attempt=live.attempt,
                outcome=Outcome.LOST if remote else Outcome.RELEASED,
                reason=f"{reason[:-1]}, and its worker did not come back." if remote else reason,
                lease=live.lease if remote else None,
            )
        )

    def fail_soon(self, version: VersionId) -> None:
        """As `fail_unknown`, without waiting for it."""
        asyncio.ensure_future(self._fail_at_last(version))  # noqa: RUF006  # ends by itself

    async def _fail_at_last(self, version: VersionId) -> None:
        while True:
            try:
                return await self.fail_unknown(version)
            except StoreBusy:
                await asyncio.sleep(RETRY_SECONDS)

    async def fail_unknown(self, version: VersionId) -> None:
        """End predictions of a version that the operator has taken out of the catalogue.

        Only for a server that is alone: another one may serve that version.
        """
        asking = Asking(holder=_NOBODY, bonuses={version: 0.0}, most=_AT_ONCE)
        while claimed := await self._store.claim(asking):
            for one in (each.prediction for each in claimed):
                finished = Finished(outcome=Outcome.FAILED, error=_NO_VERSION)
                self._recorder.record(
                    Report(prediction=one.id, attempt=one.attempt, finished=finished)
                )
            await self._recorder.quiet()
