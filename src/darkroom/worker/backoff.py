"""How long a worker waits before it looks for its server again."""

from collections.abc import Callable

FIRST_SECONDS = 0.2
MOST_SECONDS = 10.0
_SPREAD = 0.5


class Backoff:
    """Twice as long each time, up to a limit, and never quite as long as others wait.

    Args:
        chance: a number from 0 to 1, by which waits are spread.
    """

    def __init__(self, chance: Callable[[], float]) -> None:
        self._chance = chance
        self._most = MOST_SECONDS
        self._next = FIRST_SECONDS

    def limit(self, seconds: float) -> None:
        """Start anew, and never wait longer than that: who is expected back must be in time."""
        self._most = min(MOST_SECONDS, seconds)
        self._next = min(FIRST_SECONDS, seconds)

    def seconds(self) -> float:
        """How long to wait this time."""
        wait = self._next * (1 - _SPREAD * self._chance())
        self._next = min(2 * self._next, self._most)
        return wait
