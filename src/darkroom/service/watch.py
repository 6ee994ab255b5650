"""Which other servers on this database live. No clock of another machine is trusted.

A server is gone when its beat has stood still for a time that this server has itself watched
through, on its own monotonic clock. So a jump of a wall clock, a database that was away or a
server that was stopped for minutes buries nobody. Source: client-go's leader election, which uses
leases the same way.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from darkroom.domain.ids import ServerId
from darkroom.ports.predictions import LiveAttempt
from darkroom.ports.serving import Clock
from darkroom.ports.twins import NEVER, ServerBeat, Servers
from darkroom.service.fairness import Fairness

BEAT_SECONDS = 2.0
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Seen:
    beat: int
    since: float


class Watch:
    """Beats for this server, and counts the silence of the others.

    Attempts of local workers are left behind when their server falls silent. Those of remote
    workers stay under its name for the same time once more, while nobody beats under it: their
    workers are looking for another server.

    Args:
        me: this server.
        servers: where all of them beat.
        clock: its monotonic time counts.
        silence_seconds: how long a beat may stand still.
        fairness: its clocks travel with the beats.
        met: called with a server whose number has been seen to grow; each time.
    """

    def __init__(
        self,
        *,
        me: ServerId,
        servers: Servers,
        clock: Clock,
        silence_seconds: float,
        fairness: Fairness | None = None,
        met: Callable[[ServerId], None] | None = None,
    ) -> None:
        self._fairness = fairness or Fairness()
        self._met = met
        self._me = me
        self._servers = servers
        self._clock = clock
        self._silence = silence_seconds
        self._seen: dict[ServerId, _Seen] = {}
        self._looked_at = float("-inf")
        self.alone = False

    async def once(self) -> Sequence[LiveAttempt]:
        """Beat, look, and bury whoever is gone; returns the attempts that they have left behind.

        Raises:
            StoreBusy: the database does not answer now.
        """
        await self._servers.beat(self._fairness.clocks())
        others = [one for one in await self._servers.known() if one.server != self._me]
        for one in others:
            self._fairness.hear(one.fair_clocks)
        now = self._clock.monotonic()
        if now - self._looked_at > 2 * BEAT_SECONDS + 1:
            self._seen.clear()  # nobody knows what was in between
        self._looked_at = now
        self._seen = {one.server: self._sight(one, now) for one in others}
        gone = [one for one in others if now - self._seen[one.server].since > self._silence]
        self.alone = len(gone) == len(others)
        left: list[LiveAttempt] = []
        for one in gone:
            held = await self._servers.held_by(one.server)
            missed = [live for live in held if one.beat == NEVER or not live.holder.remote]
            left += missed
            _log.warning("server.silent", server=one.server, left=len(missed), held=len(held))
            await self._servers.bury(one)
        return left

    def _sight(self, one: ServerBeat, now: float) -> _Seen:
        seen = self._seen.get(one.server)
        if seen and seen.beat == one.beat:
            return seen
        if seen and one.beat > seen.beat and self._met is not None:
            self._met(one.server)
        return _Seen(one.beat, now)
