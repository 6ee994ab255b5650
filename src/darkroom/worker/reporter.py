"""When what attempts have to tell leaves: at once, but never in more messages than it must."""

import asyncio
from collections.abc import Callable

from darkroom.protocol.messages import Told
from darkroom.worker.attempt import Attempt

HOLD_SECONDS = 0.05  # what is held back leaves after once to twice this


class Reporter:
    """Sends at most one `Told` an attempt and turn of the loop; log text alone waits a little.

    Args:
        send: hands a message to the server.
        told: called with an attempt whose end has been sent.
    """

    def __init__(self, send: Callable[[Told], None], told: Callable[[Attempt], None]) -> None:
        self._send = send
        self._told = told
        self._loop = asyncio.get_running_loop()
        self._due: dict[Attempt, None] = {}
        self._held: dict[Attempt, None] = {}
        self._held_longer: dict[Attempt, None] = {}
        self._timer: asyncio.TimerHandle | None = None

    def mark(self, attempt: Attempt) -> None:
        """*attempt* has something new to tell."""
        if not self._due:
            self._loop.call_soon(self._turn)
        self._due[attempt] = None

    def close(self) -> None:
        """Hold nothing back any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for attempt in self._held_longer | self._held:
            self._tell(attempt, patient=False)

    def _turn(self) -> None:
        due, self._due = self._due, {}
        for attempt in due:
            self._tell(attempt, patient=True)
        self._arm()

    def _arm(self) -> None:
        if self._timer is None and (self._held or self._held_longer):
            self._timer = self._loop.call_later(HOLD_SECONDS, self._release)

    def _release(self) -> None:
        self._timer = None
        held, self._held_longer, self._held = self._held_longer, self._held, {}
        for attempt in held:
            self._tell(attempt, patient=False)
        self._arm()

    def _tell(self, attempt: Attempt, *, patient: bool) -> None:
        told = attempt.telling.take(patient=patient)
        if told is not None:
            self._send(told)
            if told.ended is not None:
                self._held.pop(attempt, None)
                self._held_longer.pop(attempt, None)
                self._told(attempt)
                return
        if patient and attempt not in self._held_longer and not attempt.telling.empty:
            self._held[attempt] = None
