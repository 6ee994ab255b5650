"""How much a rig's server takes; nothing is limited unless a test says so."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from darkroom.domain.ids import Minter, Owner
from darkroom.ports.predictions import PredictionStore
from darkroom.ports.requests import RequestStore
from darkroom.ports.serving import Clock
from darkroom.service.dispatch import Dispatcher
from darkroom.service.fairness import Fairness
from darkroom.service.hub import Hub
from darkroom.service.intake import Intake
from darkroom.service.limits import Guesses, Queue, Rates, Room, Searches
from darkroom.service.owners import Owners, Terms
from darkroom.service.repeats import Repeats
from darkroom.service.spool import Spool


def plenty() -> int:
    return 2**40


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The settings of the same names; 0 is no limit."""

    rate: int = 0
    wrong_keys: int = 0
    streams: int = 0
    searches: int = 0
    queue: int = 0
    owners: Mapping[str, Terms] = field(default_factory=dict[str, Terms])
    min_free_bytes: int = 1
    free_bytes: Callable[[], int] = plenty
    adopt_orphans: bool = True

    @property
    def terms(self) -> Owners:
        """What each owner is granted."""
        named = {Owner(name): terms for name, terms in self.owners.items()}
        return Owners(named=named, others=Terms(queued=self.queue))

    def fairness(self) -> Fairness:
        return Fairness(owners=self.terms)

    def rates(self, clock: Clock) -> Rates:
        return Rates(self.rate, clock.monotonic)

    def guesses(self, clock: Clock) -> Guesses:
        return Guesses(self.wrong_keys, clock.monotonic)

    def seekers(self, clock: Clock) -> Searches:
        return Searches(self.searches, clock.monotonic)

    def room(self, clock: Clock) -> Room:
        return Room(self.free_bytes, self.min_free_bytes, clock.monotonic)

    def intake(self, *, store: PredictionStore, requests: RequestStore, dispatcher: Dispatcher,
               hub: Hub, spool: Spool, clock: Clock) -> Intake:  # fmt: skip
        queue = Queue(self.terms)
        hub.mind_ends(queue.ended)
        return Intake(
            store=store,
            requests=requests,
            dispatcher=dispatcher,
            hub=hub,
            spool=spool,
            ids=Minter(clock.wall_ms, os.urandom).mint,
            queue=queue,
            room=self.room(clock),
            repeats=Repeats(clock.monotonic) if self.adopt_orphans else None,
        )


NO_LIMITS = Limits()
