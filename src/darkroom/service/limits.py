"""How much one key, one address and one owner may ask for; everything here lives in memory.

A bucket holds as many requests as a minute allows and is refilled evenly, so that a burst is
taken and a steady stream runs at the rate. Nothing here awaits, and nothing needs a task.
"""

import math
from collections import Counter
from collections.abc import Callable, Collection, Generator
from contextlib import contextmanager
from typing import NamedTuple

from darkroom.domain.errors import FilesUnavailable, Throttled
from darkroom.domain.ids import Owner, PredictionId
from darkroom.domain.prediction import Prediction
from darkroom.service.owners import Owners

_MINUTE = 60.0
_MOST_BUCKETS = 4096
_OTHERS_PER_CREATE = 5
SEARCHES_PER_MINUTE = 60
_LATER_SECONDS = 5  # nobody knows when a prediction or a stream ends
_ROUNDING = 1e-6
_LOOK_SECONDS = 1.0


class Left(NamedTuple):
    """What is left of a limit, and in how many whole seconds all of it is there again."""

    remaining: int
    reset_seconds: int


class _Buckets:
    """One bucket of *size* a name, refilled within a minute."""

    def __init__(self, size: int, now: Callable[[], float]) -> None:
        self._size = size
        self._per_second = size / _MINUTE
        self._now = now
        self._levels: dict[str, tuple[float, float]] = {}  # level, and when it was that

    def take(self, name: str, count: int = 1) -> Left | None:
        """Take *count*; None, and none is taken, if there are fewer."""
        now, level = self._now(), float(self._size)
        found = self._levels.get(name)
        if found is not None:
            level = min(level, found[0] + (now - found[1]) * self._per_second)
        elif len(self._levels) >= _MOST_BUCKETS:
            self._prune(now)
        if level < count - _ROUNDING:
            return None
        self._levels[name] = (level - count, now)
        missing = (self._size - level + count) / self._per_second
        return Left(int(level - count + _ROUNDING), max(1, math.ceil(missing - _ROUNDING)))

    def empty(self, name: str) -> bool:
        """Whether there is none to take."""
        return self.wait_seconds(name) > 0

    def wait_seconds(self, name: str, count: int = 1) -> int:
        """In how many whole seconds there are *count* again; 0 if there are."""
        level, at = self._levels.get(name, (float(self._size), 0.0))
        missing = count - level - (self._now() - at) * self._per_second
        return max(0, math.ceil(missing / self._per_second - _ROUNDING))

    def _prune(self, now: float) -> None:
        """Forget the fuller half: to forget an empty one would fill it again."""
        emptiest_first = sorted(
            self._levels.items(),
            key=lambda item: item[1][0] + (now - item[1][1]) * self._per_second,
        )
        self._levels = dict(emptiest_first[: _MOST_BUCKETS // 2])


class Rates:
    """Requests of each key: creations of predictions, and five times as many others.

    Source: the limits and headers of Replicate's API.

    Args:
        per_minute: creations a minute and key; 0 for no limit at all.
        now: seconds that never jump.
    """

    def __init__(self, per_minute: int, now: Callable[[], float]) -> None:
        self._on = per_minute > 0
        self._creates = _Buckets(per_minute, now)
        self._others = _Buckets(per_minute * _OTHERS_PER_CREATE, now)

    def take(self, key: str, *, create: bool, count: int = 1) -> Left | None:
        """Count a request of *key*, or *count* of them; None where there is no limit.

        Raises:
            Throttled: that is too many; nothing may be done for it.
        """
        if not self._on:
            return None
        buckets = self._creates if create else self._others
        left = buckets.take(key, count)
        if left is None:
            wait = max(1, buckets.wait_seconds(key, count))
            raise Throttled(
                f"Request was throttled. Your rate limit resets in ~{wait}s.", retry_seconds=wait
            )
        return left


class Guesses:
    """Wrong keys by client address: whoever tries too many is not looked at for a while.

    Behind a proxy everybody has its address, so keys that were let in from there before still are.

    Args:
        per_minute: wrong keys a minute and address; 0 for no limit.
        now: seconds that never jump.
    """

    def __init__(self, per_minute: int, now: Callable[[], float]) -> None:
        self._on = per_minute > 0
        self._wrong = _Buckets(per_minute, now)
        self._known: set[tuple[str, str]] = set()

    def right(self, address: str, key: str) -> None:
        """A request from *address* showed a valid *key*.

        Raises:
            Throttled: too many wrong ones came from there, and this one never before.
        """
        if not self._on or (address, key) in self._known:
            return
        if self._wrong.empty(address):
            raise self._refusal(address)
        if len(self._known) >= _MOST_BUCKETS:
            self._known.clear()
        self._known.add((address, key))

    def wrong(self, address: str) -> None:
        """A request from *address* showed a wrong key.

        Raises:
            Throttled: too many did.
        """
        if self._on and self._wrong.take(address) is None:
            raise self._refusal(address)

    def _refusal(self, address: str) -> Throttled:
        wait = max(1, self._wrong.wait_seconds(address))
        return Throttled(
            f"Too many wrong keys came from this address. Try again in ~{wait}s.",
            retry_seconds=wait,
        )


class Searches:
    """Searches without a key by client address, each of which looks through all models.

    Args:
        per_minute: searches a minute and address; 0 for no limit.
        now: seconds that never jump.
    """

    def __init__(self, per_minute: int, now: Callable[[], float]) -> None:
        self._on = per_minute > 0
        self._taken = _Buckets(per_minute, now)

    def take(self, address: str) -> None:
        """Count a search.

        Raises:
            Throttled: it is one too many; nothing may be looked for.
        """
        if self._on and self._taken.take(address) is None:
            wait = max(1, self._taken.wait_seconds(address))
            raise Throttled(
                f"Too many searches without a key came from this address. Send your key, or try "
                f"again in ~{wait}s.",
                retry_seconds=wait,
            )


class Streams:
    """Streams that are open, by owner of the prediction; *most* of each, 0 for no limit."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._open: Counter[Owner] = Counter()

    @contextmanager
    def opened(self, owner: Owner) -> Generator[None]:
        """Count a stream until the block ends.

        Raises:
            Throttled: as many as are allowed are open.
        """
        if self._most and self._open[owner] >= self._most:
            raise Throttled(
                f"{self._most} streams of this owner are open, as many as this server allows. "
                "Close some.",
                retry_seconds=_LATER_SECONDS,
            )
        self._open[owner] += 1
        try:
            yield
        finally:
            self._open[owner] -= 1
            if not self._open[owner]:
                del self._open[owner]


class Queue:
    """Predictions that have not ended, by owner; as many of each as its terms allow.

    It must be told of every end: `hub.mind_ends(queue.ended)`.
    """

    def __init__(self, owners: Owners) -> None:
        self._on = owners.limit_queued
        self._owners = owners
        self._unended: dict[Owner, set[PredictionId]] = {}

    def enter(self, owner: Owner, id_: PredictionId, *, anyway: bool = False) -> None:
        """Count a prediction that is about to be accepted.

        Args:
            owner: whose it is.
            id_: which.
            anyway: it has been accepted already, by an earlier server.

        Raises:
            Throttled: its owner has too many.
        """
        if not self._on or not (most := self._owners.of(owner).queued):
            return
        unended = self._unended.setdefault(owner, set())
        if len(unended) >= most and not anyway:
            raise Throttled(
                f"You have {len(unended)} predictions that have not ended, and this server takes "
                f"{most} of one owner. Wait for some to end, or cancel them.",
                retry_seconds=_LATER_SECONDS,
            )
        unended.add(id_)

    @property
    def limited(self) -> bool:
        """Whether anything is counted at all."""
        return self._on

    @property
    def unended(self) -> Collection[PredictionId]:
        """All that are counted."""
        return set[PredictionId]().union(*self._unended.values())

    def leave(self, owner: Owner, id_: PredictionId) -> None:
        """It has ended, or was not accepted after all; may be told more than once."""
        unended = self._unended.get(owner)
        if unended is not None:
            unended.discard(id_)
            if not unended:
                del self._unended[owner]

    def ended(self, prediction: Prediction) -> None:
        """A prediction has ended; may be told more than once."""
        if self._unended:
            self.leave(prediction.owner, prediction.id)


class Room:
    """Whether the disk has room for more predictions.

    Args:
        free_bytes: looks at the disk; asked once a second at most.
        least_bytes: below that nothing new is taken.
        now: seconds that never jump.
    """

    def __init__(
        self, free_bytes: Callable[[], int], least_bytes: int, now: Callable[[], float]
    ) -> None:
        self._free_bytes = free_bytes
        self._least = least_bytes
        self._now = now
        self._looked_at = -math.inf
        self._free = 0

    def check(self) -> None:
        """Raise FilesUnavailable unless there is room."""
        if not self._least:
            return
        now = self._now()
        if now - self._looked_at >= _LOOK_SECONDS:
            self._free, self._looked_at = self._free_bytes(), now
        if self._free < self._least:
            raise FilesUnavailable(
                f"The server's disk is nearly full ({self._free // 2**20} MiB free, below the "
                f"limit of {self._least // 2**20} MiB), so it takes nothing new. Its operator can "
                "free some space, or lower DARKROOM_MIN_FREE_BYTES."
            )
