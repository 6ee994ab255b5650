"""Whether the database answers, as the server's own loops find it.

It is told when the database goes and when it is back, and not once a round by each loop.
"""

from collections.abc import Generator
from contextlib import contextmanager

import structlog

from darkroom.domain.errors import StoreBusy
from darkroom.ports.serving import Clock

_log = structlog.get_logger()


class Outage:
    """Begins with the first loop that the database refuses, ends when all have got through again.

    Args:
        clock: its monotonic time tells how long one was.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._refused: dict[str, str] = {}
        self._since = 0.0

    def reason(self, loop: str) -> str | None:
        """Why *loop* did not get through the last time; None if it did."""
        return self._refused.get(loop)

    @contextmanager
    def felt_by(self, loop: str) -> Generator[None]:
        """Around one round of a loop; StoreBusy ends the round, and goes no further."""
        try:
            yield
        except StoreBusy as error:
            if not self._refused:
                self._since = self._clock.monotonic()
                _log.warning("database.away", error=str(error))
            self._refused[loop] = str(error)
            return
        if self._refused.pop(loop, None) is not None and not self._refused:
            seconds = round(self._clock.monotonic() - self._since, 1)
            _log.info("database.back", seconds=seconds)
