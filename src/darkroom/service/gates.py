"""How many webhooks may be under way: to an endpoint, to a host and in all; and a breaker for each.

An endpoint is an address without its query.
"""

import math
from collections import Counter, OrderedDict
from dataclasses import dataclass
from urllib.parse import urlsplit

from darkroom.domain.prediction import Milliseconds
from darkroom.ports.serving import Clock

PER_ENDPOINT = 2
PER_HOST = 32
IN_ALL = 64
FAILURES = 5
PROBE_SECONDS = 60.0
_MOST_REMEMBERED = 4096


@dataclass(slots=True)
class _Breaker:
    """Failures in a row; from the fifth on it is open, and lets one try through at `probe_at`."""

    failures: int = 0
    probe_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Shut:
    """An endpoint that is left alone: failures in a row, and when it is probed."""

    failures: int
    next_at: Milliseconds


class Gates:
    """Counts what is under way, and remembers which endpoints fail.

    Args:
        clock: its monotonic time says when an endpoint is probed again.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._endpoints = Counter[str]()
        self._hosts = Counter[str]()
        self._breakers = OrderedDict[str, _Breaker]()

    def room(self, endpoint: str) -> int:
        """How many more may be sent to *endpoint* now."""
        breaker = self._breakers.get(endpoint)
        most = PER_ENDPOINT
        if breaker is not None and breaker.failures >= FAILURES:
            most = 1 if self._clock.monotonic() >= breaker.probe_at else 0
        room = min(
            most - self._endpoints[endpoint],
            PER_HOST - self._hosts[host_of(endpoint)],
            IN_ALL - self._endpoints.total(),
        )
        return max(0, room)

    def probe_in(self, endpoint: str) -> float:
        """Seconds until an endpoint that is shut may be probed; infinite if it is not shut."""
        breaker = self._breakers.get(endpoint)
        if breaker is None or breaker.failures < FAILURES:
            return math.inf
        left = breaker.probe_at - self._clock.monotonic()
        return left if left > 0 else math.inf

    def shut(self, endpoint: str) -> Shut | None:
        """What keeps *endpoint* waiting; None if it is well."""
        breaker = self._breakers.get(endpoint)
        if breaker is None or breaker.failures < FAILURES:
            return None
        left = max(0.0, breaker.probe_at - self._clock.monotonic())
        return Shut(breaker.failures, Milliseconds(self._clock.wall_ms() + int(left * 1000)))

    def enter(self, endpoint: str, count: int) -> None:
        """Take room for *count* webhooks."""
        self._endpoints[endpoint] += count
        self._hosts[host_of(endpoint)] += count

    def leave(self, endpoint: str, count: int = 1) -> None:
        """Give room back."""
        for counter, name in ((self._endpoints, endpoint), (self._hosts, host_of(endpoint))):
            counter[name] -= count
            if not counter[name]:
                del counter[name]

    def answered(self, endpoint: str) -> bool:
        """The endpoint took a webhook: it is well. Whether it was shut before."""
        breaker = self._breakers.pop(endpoint, None)
        return breaker is not None and breaker.failures >= FAILURES

    def failed(self, endpoint: str) -> bool:
        """The endpoint did not take a webhook. Whether that has shut it just now."""
        breaker = self._breakers.setdefault(endpoint, _Breaker())
        self._breakers.move_to_end(endpoint)
        breaker.failures += 1
        breaker.probe_at = self._clock.monotonic() + PROBE_SECONDS
        if len(self._breakers) > _MOST_REMEMBERED:
            self._breakers.popitem(last=False)
        return breaker.failures == FAILURES


def host_of(endpoint: str) -> str:
    """The host of an endpoint; the whole of it if that cannot be told."""
    try:
        return urlsplit(endpoint).hostname or endpoint
    except ValueError:  # an address that nothing can be sent to
        return endpoint
