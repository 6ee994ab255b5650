"""What runs tell goes to the store: in order for each attempt, and again when the store is busy."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeAlias

import structlog

from darkroom.domain.errors import FileMissing, FilesUnavailable, RunFailed, StoreBusy
from darkroom.domain.events import Report
from darkroom.domain.prediction import Outcome, Prediction, Status
from darkroom.ports.predictions import Lost, PredictionStore
from darkroom.protocol.messages import Key
from darkroom.service.hub import Hub

_log = structlog.get_logger()
RETRY_SECONDS = 1.0
_WORTH_A_LINE_SECONDS = 0.5

_Item: TypeAlias = Report | Lost


@dataclass(frozen=True, slots=True)
class _Entry:
    item: _Item
    noted: Callable[[], None] | None


class Recorder:
    """Writes reports and losses, and tells the hub what came of them.

    Args:
        store: where they go.
        hub: hears of every prediction that changed.
        superseded: called with a report that changed nothing although it ends nothing.
        again: called with a prediction that waits to run once more.
        check: looks for the files that a report names, before the report is written; None if it
            names none to look for.
        retry_seconds: how long a busy store is left alone.
    """

    def __init__(
        self,
        *,
        store: PredictionStore,
        hub: Hub,
        superseded: Callable[[Report], None],
        again: Callable[[Prediction], None],
        check: Callable[[Report], Awaitable[None] | None] | None = None,
        retry_seconds: float = RETRY_SECONDS,
    ) -> None:
        self._store = store
        self._hub = hub
        self._superseded = superseded
        self._again = again
        self._check = check
        self._retry_seconds = retry_seconds
        self._chains: dict[Key, deque[_Entry]] = {}
        self._quiet = asyncio.Event()
        self._quiet.set()

    def record(self, item: _Item, noted: Callable[[], None] | None = None) -> None:
        """Write *item* after everything its attempt has told before.

        Args:
            item: what there is to write.
            noted: called once it is on disk, or will never be wanted.
        """
        key = (item.prediction, item.attempt)
        chain = self._chains.get(key)
        if chain is not None:
            chain.append(_Entry(item, noted))
            return
        self._chains[key] = deque([_Entry(item, noted)])
        self._quiet.clear()
        self._write(key)

    async def quiet(self) -> None:
        """Wait until everything is written."""
        await self._quiet.wait()

    def _write(self, key: Key) -> None:
        item = self._chains[key][0].item
        asyncio.ensure_future(self._change(item)).add_done_callback(partial(self._written, key))

    def _change(self, item: _Item) -> Awaitable[Prediction | None]:
        if not isinstance(item, Report):
            return self._store.lose(item)
        checking = self._check(item) if self._check is not None and item.events else None
        return self._store.report(item) if checking is None else self._checked(item, checking)

    async def _checked(self, report: Report, checking: Awaitable[None]) -> Prediction | None:
        await checking
        return await self._store.report(report)

    def _written(self, key: Key, done: "asyncio.Future[Prediction | None]") -> None:
        chain = self._chains[key]
        error = done.exception()
        if isinstance(error, StoreBusy):
            _log.warning("store.busy", prediction=key[0], error=str(error))
            asyncio.get_running_loop().call_later(self._retry_seconds, self._write, key)
            return
        entry = chain.popleft()
        if error is not None:
            self._refused(chain, entry, error)
        else:
            self._applied(entry.item, done.result())
            if entry.noted is not None:
                entry.noted()
        if chain:
            self._write(key)
            return
        del self._chains[key]
        if not self._chains:
            self._quiet.set()

    def _applied(self, item: _Item, prediction: Prediction | None) -> None:
        if isinstance(item, Lost) and prediction is not None:
            _log.info(
                "attempt.released" if item.outcome is Outcome.RELEASED else "attempt.lost",
                prediction=item.prediction,
                attempt=item.attempt,
                outcome=item.outcome,
                reason=item.reason,
            )
        if prediction is None:
            if isinstance(item, Report) and item.finished is None:
                self._superseded(item)
            return
        self._hub.publish(prediction)
        _tell_end(prediction)
        if isinstance(item, Lost) and not prediction.terminal:
            self._again(prediction)

    def _refused(self, chain: "deque[_Entry]", entry: "_Entry", error: BaseException) -> None:
        """The store will never take it: the attempt cannot be told truthfully any more."""
        _log.error("report.refused", prediction=entry.item.prediction, error=repr(error))
        noted = [one.noted for one in (entry, *chain) if one.noted is not None]
        chain.clear()
        if isinstance(entry.item, Report):
            last = noted[-1] if noted else None  # it speaks for all before it
            chain.append(_Entry(_instead(entry.item, error), last))


def _instead(refused: Report, error: BaseException) -> _Item:
    """What to write for a report that the store will never take."""
    if isinstance(error, RunFailed) and refused.finished is not None:
        # Its outputs make nothing, and neither would those of another run.
        failed = replace(refused.finished, outcome=Outcome.FAILED, error=str(error))
        return replace(refused, finished=failed)
    named = f" ({error})" if isinstance(error, FileMissing | FilesUnavailable) else ""
    return Lost(
        prediction=refused.prediction,
        attempt=refused.attempt,
        outcome=Outcome.LOST,
        reason=f"what it reported could not be stored{named}.",
    )


def _tell_end(ended: Prediction) -> None:
    """Log the end of a prediction, unless all went well in a moment: those come by the thousand."""
    if ended.completed_at is None:
        return
    seconds = (ended.completed_at - ended.created_at) / 1000
    if ended.status is not Status.SUCCEEDED or seconds >= _WORTH_A_LINE_SECONDS:
        _log.info(
            "prediction.ended",
            prediction=ended.id,
            model=ended.model,
            status=ended.status,
            attempt=ended.attempt,
            seconds=seconds,
        )
