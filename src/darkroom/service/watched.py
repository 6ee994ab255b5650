"""Time that this server has itself watched through."""

from darkroom.ports.serving import Clock

_MOST_SECONDS = 3.0


class WatchedTime:
    """Monotonic seconds, without those in which nobody here could have heard anybody.

    A process that was stopped, or a loop that hung on a database, saw nobody's silence: of the time
    between two looks three seconds count at most.

    Args:
        clock: its monotonic time counts.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._looked_at = clock.monotonic()
        self._before = 0.0

    @property
    def now(self) -> float:
        """Seconds watched through so far."""
        return self._before + min(self._clock.monotonic() - self._looked_at, _MOST_SECONDS)

    def look(self) -> float:
        """Look around, and go on counting from here; to be done every second or so."""
        self._before, self._looked_at = self.now, self._clock.monotonic()
        return self._before
