"""What the service asks of the durable store of predictions, their attempts and their files."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from darkroom.domain.events import Event, Report
from darkroom.domain.ids import (
    DEFAULT_POOL,
    Owner,
    PredictionId,
    ServerId,
    VersionId,
    WorkerId,
)
from darkroom.domain.prediction import (
    InputFile,
    JsonText,
    Milliseconds,
    Outcome,
    Prediction,
    Shape,
    StoredFile,
)

HERE = ServerId("")
"""The server that asks, whatever its name."""

NOT_THERE = "it never reached its worker."
"""Why an attempt is released that its worker does not hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Who runs an attempt: a worker's name and which of its lives this is.

    A `remote` one outlives its server, and may come back to it or to another.
    """

    worker: WorkerId
    incarnation: int
    remote: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """Who may run an attempt, and the server that this worker has come to."""

    holder: Holder
    server: ServerId = HERE


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """A new prediction, its input already checked.

    `pool` is where it may run. What waits is taken by `priority`, the highest first, then by the
    lowest `fair_key`; one that is `limited` counts against its owner's running limit. `holder`
    claims attempt 1 in the same breath. `patient` lets the commit wait a millisecond, for a caller
    who waits for a later change of the same prediction anyway.
    """

    id: PredictionId
    owner: Owner
    model: str
    version: VersionId
    shape: Shape
    input: JsonText
    input_files: Sequence[InputFile] = ()
    webhook: str | None = None
    webhook_events: Sequence[str] = ()
    webhook_site: str | None = None
    deployment: str | None = None
    destination: str | None = None
    request_digest: str | None = None
    pool: str = DEFAULT_POOL
    priority: int = 0
    fair_key: float = 0.0
    limited: bool = False
    cancel_after_ms: int | None = None
    holder: Holder | None = None
    patient: bool = False


def _no_limit(_owner: Owner) -> int:
    return 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """A worker with room, and what it would take.

    Args:
        holder: the worker.
        bonuses: the versions it takes, and for each how much later than its turn, in seconds of the
            fair key, something else may be taken for its sake: its load time where it is resident.
        most: how many predictions, in all.
        running_limit: how many of an owner may be claimed at once; 0 for any number.
    """

    holder: Holder
    bonuses: Mapping[VersionId, float]
    most: int
    running_limit: Callable[[Owner], int] = _no_limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """A prediction that has been claimed, and where in the order it stood.

    `own` tells whether this server has accepted it.
    """

    prediction: Prediction
    priority: int
    fair_key: float
    own: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """An attempt that ended without a result, and the sentence its prediction's log will carry.

    With a `lease` it is lost only if that still stands: its worker may have come to another server
    meanwhile, and go on. If it came there before it was sent this attempt, that is released.
    """

    prediction: PredictionId
    attempt: int
    outcome: Outcome
    reason: str
    lease: Lease | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Which part of a list: newest first, strictly `before` or `after` an id, within times.

    It shows either trainings or all other predictions.
    """

    size: int
    before: PredictionId | None = None
    after: PredictionId | None = None
    created_from: Milliseconds | None = None
    created_until: Milliseconds | None = None
    trainings: bool = False


class PredictionStore(Protocol):
    """Durable predictions. Every change is on disk when what its method returns is awaited.

    Changes take effect in the order of the calls, whether awaited or not. A writer that quotes a
    superseded attempt changes nothing and gets None.
    """

    def accept(self, new: Acceptance) -> Awaitable[Prediction]:
        """Add a prediction (T1), claimed (T2) if it names a holder."""
        ...

    def claim(self, asking: Asking) -> Awaitable[Sequence[Claimed]]:
        """Give a worker what is first in turn (T2); all it asks for, unless less may be claimed."""
        ...

    def report(self, report: Report) -> Awaitable[Prediction | None]:
        """Record what an attempt tells (T3, T4, T5). None: it was superseded or had ended.

        What has a number and was recorded before changes nothing, and its prediction is returned.
        """
        ...

    def lose(self, lost: Lost) -> Awaitable[Prediction | None]:
        """End an attempt without a result (T6): run again, or fail when attempts are used up.

        None: it was superseded or had ended, or its lease is another one now.
        """
        ...

    def cancel(self, prediction: PredictionId, owner: Owner | None) -> Awaitable[Prediction | None]:
        """Cancel (T7); the unchanged prediction if it has ended, None if *owner* has no such."""
        ...

    async def get(self, prediction: PredictionId) -> Prediction | None:
        """One prediction with its log."""
        ...

    async def page(self, owner: Owner, page: Page) -> Sequence[Prediction]:
        """One page of *owner*'s predictions, newest first."""
        ...

    async def events(self, prediction: PredictionId, after: int) -> Sequence[Event]:
        """Events number *after* + 1 and later, in order."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveAttempt:
    """An attempt that has not ended."""

    prediction: PredictionId
    attempt: int
    lease: Lease

    @property
    def holder(self) -> Holder:
        """Who runs it."""
        return self.lease.holder


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumed:
    """An attempt that its worker goes on with; not `wanted` if its prediction has ended."""

    prediction: PredictionId
    attempt: int
    version: VersionId
    wanted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Adopted:
    """What a remote worker that has come may go on with.

    `orphans` are open attempts under its name that nobody runs any more: those of an earlier life,
    and those that it was to have and does not hold.
    """

    resumed: Sequence[Resumed] = ()
    orphans: Sequence[LiveAttempt] = ()


class Attempts(Protocol):
    """What the reaper and the files need to know beyond predictions."""

    async def live(self) -> Sequence[LiveAttempt]:
        """All attempts of this server that have not ended."""
        ...

    def adopt(self, holder: Holder, held: Sequence[tuple[PredictionId, int]]) -> Awaitable[Adopted]:
        """Take over what a remote worker holds and may go on with, from whichever server (T10)."""
        ...

    async def departed(self, within_ms: int) -> Sequence[Holder]:
        """Remote workers that have come to another server last, and lately."""
        ...

    async def waiting(self) -> Sequence[VersionId]:
        """Versions that unclaimed predictions wait for."""
        ...

    def repool(self, version: VersionId, pool: str) -> Awaitable[int]:
        """Let what waits for *version* wait in *pool*; returns how many waited in another."""
        ...

    def expire(self, most: int) -> Awaitable[Sequence[Prediction]]:
        """End up to *most* predictions whose deadline has passed (T8)."""
        ...

    async def file(self, prediction: PredictionId, attempt: int, index: int) -> StoredFile | None:
        """A stored output, or with attempt 0 a stored input."""
        ...
