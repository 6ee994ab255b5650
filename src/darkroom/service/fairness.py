"""Fair turns: start-time fair queueing, reckoned once for each prediction, when it is accepted.

A prediction's fair key is when its turn is over, in seconds of work that go to an owner of weight
1: the later of the clock and its owner's last fair key, and then what it costs by its owner's
weight. What waits is claimed by the lowest key; the clock is the key of what was claimed last. An
owner who sends ten thousand pushes only his own keys away; a newcomer starts at the clock.

Only what competes for the same slots is reckoned together: a class is a pool of workers, a kind of
runner and a priority, each with a clock of its own. All of it is in memory, so a creation writes
nothing more and servers on one database do not wait for one another; they tell each other their
clocks, and look at what others have accepted.

Source: Goyal, Vin and Cheng, "Start-time fair queueing", 1996.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from darkroom.domain.ids import Owner
from darkroom.domain.model import Version
from darkroom.domain.prediction import Prediction
from darkroom.ports.predictions import Claimed
from darkroom.ports.turns import Elsewhere, Waiting
from darkroom.service.costs import Costs
from darkroom.service.owners import Owners


class Class(NamedTuple):
    """What competes for the same slots, one priority of it."""

    pool: str
    kind: str
    priority: int


@dataclass(slots=True)
class _Standing:
    """An owner within a class: its last fair key here and elsewhere, and how many wait."""

    last: float = 0.0
    elsewhere: float = 0.0
    waiting: int = 0


@dataclass(slots=True)
class _Line:
    """What waits in a class, by owner; who has nothing waiting starts at the clock."""

    clock: float = 0.0
    standings: dict[Owner, _Standing] = field(default_factory=dict[Owner, _Standing])

    def start(self, owner: Owner) -> float:
        """Where the next turn of *owner* begins."""
        standing = self.standings.get(owner)
        if standing is None:
            return self.clock
        return max(self.clock, standing.last, standing.elsewhere)

    def leave(self, owner: Owner) -> None:
        """One of *owner* waits no more."""
        standing = self.standings.get(owner)
        if standing is None:
            return
        standing.waiting -= 1
        if standing.waiting <= 0:  # all its keys are behind the clock, or were canceled
            standing.waiting, standing.last = 0, 0.0
            if standing.elsewhere <= self.clock:
                del self.standings[owner]

    def move(self, to: float) -> None:
        """The clock has come as far as *to*."""
        if to > self.clock:
            self.clock = to


class Fairness:
    """Gives fair keys and follows the clocks.

    Args:
        costs: what runs are expected to take.
        owners: their weights.
    """

    def __init__(self, costs: Costs | None = None, owners: Owners | None = None) -> None:
        self.costs = costs or Costs()
        self.owners = owners or Owners()
        self._lines: dict[Class, _Line] = {}

    def take_turn(self, owner: Owner, version: Version, priority: int, *, waits: bool) -> float:
        """The fair key of a prediction that is being accepted.

        Args:
            owner: whose it is.
            version: what it runs.
            priority: its class.
            waits: whether it has to wait; otherwise it is dispatched now, and the clock moves on.
        """
        line = self._line(version, priority)
        cost = self.costs.run_seconds(version.id) / self.owners.of(owner).weight
        if not waits:  # nobody waits, so nobody is before it
            line.clock += cost
            return line.clock
        key = line.start(owner) + cost
        standing = line.standings.setdefault(owner, _Standing())
        standing.last = key
        standing.waiting += 1
        return key

    def refused(self, owner: Owner, version: Version, priority: int) -> None:
        """What was to wait was not accepted after all."""
        self._line(version, priority).leave(owner)

    def claimed(self, one: Claimed, version: Version) -> None:
        """A worker has got what waited."""
        line = self._line(version, one.priority)
        line.move(one.fair_key)
        if one.own and one.prediction.attempt == 1:
            line.leave(one.prediction.owner)

    def withdrawn(self, one: Prediction, version: Version) -> None:
        """What waited has ended and never ran: its owner is no more behind for it.

        Of which priority it was is not known here: most likely where its owner has most waiting.
        """
        lines = [
            line
            for (pool, kind, _), line in self._lines.items()
            if (pool, kind) == (version.pool, version.kind) and one.owner in line.standings
        ]
        if lines:
            max(lines, key=lambda line: line.standings[one.owner].waiting).leave(one.owner)

    # ── what other servers tell, or an earlier one has left ──

    def clocks(self) -> Mapping[str, float]:
        """How far each class has come, for other servers."""
        return {"/".join(map(str, name)): line.clock for name, line in self._lines.items()}

    def hear(self, clocks: Mapping[str, float]) -> None:
        """How far another server has come; the furthest counts for all."""
        for name, clock in clocks.items():
            pool, kind, priority = name.split("/")
            self._lines.setdefault(Class(pool, kind, int(priority)), _Line()).move(clock)

    def found_waiting(self, found: Sequence[tuple[Version, Waiting]]) -> None:
        """What an earlier server has left: each class begins with what is first in turn there."""
        begins: dict[Class, float] = {}
        for version, one in found:
            line = self._line(version, one.priority)
            standing = line.standings.setdefault(one.owner, _Standing())
            standing.waiting += one.count
            standing.last = max(standing.last, one.last)
            name = Class(version.pool, version.kind, one.priority)
            begins[name] = min(begins.get(name, one.first), one.first)
        for name, first in begins.items():
            self._lines[name].move(first)

    def found_elsewhere(self, version: Version, found: Elsewhere) -> None:
        """Another server has given this turn."""
        line = self._line(version, found.priority)
        if found.last > line.clock:
            standing = line.standings.setdefault(found.owner, _Standing())
            standing.elsewhere = max(standing.elsewhere, found.last)

    def forget(self) -> None:
        """Drop what the clocks have passed."""
        for line in self._lines.values():
            for owner, standing in list(line.standings.items()):
                if max(standing.last, standing.elsewhere) <= line.clock:
                    del line.standings[owner]

    def _line(self, version: Version, priority: int) -> _Line:
        name = Class(version.pool, version.kind, priority)
        line = self._lines.get(name)
        if line is None:
            line = self._lines[name] = _Line()
        return line
