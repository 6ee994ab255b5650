"""Requests that come again because their answer got lost: which earlier one is repeated.

A client that saw no answer sends its request once more, and only some say so. What the first
submission has made is then an orphan: made, paid for in work, and known to nobody. The next equal
submission adopts it, instead of making another. Requests that were answered cleanly are never taken
for one another: four equal requests are four pictures.
"""

import asyncio
import math
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from darkroom.domain.ids import PredictionId
from darkroom.ports.requests import Remembered

WINDOW_SECONDS = 60
"""How long after its answer an earlier submission counts."""
MOST = 65_536
"""Submissions remembered at once, and creations looked up at a start."""

_DOUBT_SECONDS = 5.0  # a connection reset later than that says nothing about the answer
_TURNS = 2  # of the loop, in which the end of a connection is heard that has ended already


@dataclass(slots=True, kw_only=True, eq=False)
class Submission:
    """One sending of a request that creates a prediction.

    Args:
        digest: what equal requests of one key have in common: 32 hex digits.
        idempotency_key: what the client calls it; such a request needs no guessing.
        repeated: the client says that it has sent it before.
    """

    digest: str
    idempotency_key: str | None = None
    repeated: bool = False
    lost: bool = field(default=False, init=False)
    prediction: PredictionId | None = field(default=None, init=False)
    answered_at: float = field(default=math.inf, init=False)
    memory: "Repeats | None" = field(default=None, init=False)
    _made: "asyncio.Future[PredictionId] | None" = field(default=None, init=False)

    def lose(self) -> None:
        """Its answer has not reached the client, or never will."""
        if not self.lost:
            self.lost = True
            if self.memory is not None:
                self.memory.orphaned(self)

    async def made(self) -> PredictionId:
        """What it has made, once that is on disk; raises what kept it from being made."""
        if self.prediction is not None:
            return self.prediction
        if self._made is None:
            self._made = asyncio.get_running_loop().create_future()
        return await asyncio.shield(self._made)

    def settle(self, made: PredictionId | BaseException) -> None:
        """Tell those who wait for `made`."""
        if isinstance(made, str):
            self.prediction = made
        if self._made is None or self._made.done():
            return
        if isinstance(made, str):
            self._made.set_result(made)
        elif isinstance(made, asyncio.CancelledError):
            self._made.cancel()
        else:
            self._made.set_exception(made)


class Repeats:
    """The submissions of the last minute, by what equal ones have in common.

    Args:
        now: seconds that never jump.
        most: how many are remembered at once; the oldest go first.
    """

    def __init__(self, now: Callable[[], float], *, most: int = MOST) -> None:
        self._now = now
        self._most = most
        self._latest: dict[str, Submission] = {}
        self._orphans: dict[str, list[Submission]] = {}
        self._answered: deque[Submission] = deque()

    async def begin(self, submission: Submission) -> PredictionId | None:
        """Take note of *submission*; returns what was made before that it is to be answered with.

        Waits for an earlier submission that is still being worked on, and raises what that one met.
        Every submission that began must end with `failed` or `answered`.
        """
        self._forget_old()
        earlier = self._earlier(submission)
        if earlier is None:
            latest = self._latest.get(submission.digest)
            if latest is not None and latest.answered_at == math.inf:
                # Its client may be gone already without our having heard of it.
                for _ in range(_TURNS):
                    await asyncio.sleep(0)
                earlier = self._earlier(submission)
        self._latest[submission.digest] = submission
        submission.memory = self
        if submission.lost:
            self.orphaned(submission)
        if earlier is None:
            return None
        made = await earlier.made()
        submission.settle(made)
        return made

    def failed(self, submission: Submission, error: BaseException) -> None:
        """*submission* has made nothing."""
        submission.memory = None
        if self._latest.get(submission.digest) is submission:
            del self._latest[submission.digest]
        self._adopted(submission)
        submission.settle(error)

    def answered(self, submission: Submission) -> None:
        """Whoever sent *submission* is answered now; from now on its age counts."""
        submission.answered_at = self._now()
        self._answered.append(submission)

    def orphaned(self, submission: Submission) -> None:
        """*submission* has lost its answer: the next equal one adopts what it made."""
        if self._now() - submission.answered_at <= _DOUBT_SECONDS:
            self._orphans.setdefault(submission.digest, []).append(submission)

    def recall(self, requests: Iterable[Remembered]) -> None:
        """Count what an earlier server has made as not answered; it was killed meanwhile."""
        for one in requests:
            submission = Submission(digest=one.digest)
            submission.memory = self
            submission.settle(one.prediction)
            submission.lose()
            self.answered(submission)

    def orphans(self) -> Sequence[Remembered]:
        """What nobody has been told of yet, for a server that comes after."""
        return [
            Remembered(prediction=one.prediction, digest=one.digest)
            for several in self._orphans.values()
            for one in several
            if one.prediction is not None
        ]

    def _earlier(self, submission: Submission) -> Submission | None:
        orphans = self._orphans.get(submission.digest)
        if orphans:
            earlier = orphans[0]
            self._adopted(earlier)
            return earlier
        latest = self._latest.get(submission.digest) if submission.repeated else None
        if latest is not None:
            latest.lost = True  # *submission* stands for it now
        return latest

    def _adopted(self, submission: Submission) -> None:
        orphans = self._orphans.get(submission.digest)
        if orphans is not None and submission in orphans:
            orphans.remove(submission)
            if not orphans:
                del self._orphans[submission.digest]

    def _forget_old(self) -> None:
        horizon = self._now() - WINDOW_SECONDS
        answered = self._answered
        while answered and (answered[0].answered_at <= horizon or len(answered) > self._most):
            old = answered.popleft()
            old.memory = None
            self._adopted(old)
            if self._latest.get(old.digest) is old:
                del self._latest[old.digest]
