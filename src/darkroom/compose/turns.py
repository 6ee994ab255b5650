"""Fair turns: the operator's terms for owners, and what keeps them true, joined."""

from collections.abc import Callable

from darkroom.compose.clock import SystemClock
from darkroom.domain.ids import Owner
from darkroom.domain.model import Version
from darkroom.owner_settings import OwnerSettings
from darkroom.service.catalogue import Catalogue
from darkroom.service.fairness import Fairness
from darkroom.service.hub import Hub
from darkroom.service.owners import Owners, Terms
from darkroom.service.turns import Turns
from darkroom.settings import Settings
from darkroom.store.database import Database
from darkroom.store.turns import TurnTables


def make_fairness(settings: Settings) -> Fairness:
    """Make what reckons turns, with the operator's terms."""
    others = Terms(running=settings.running_limit, queued=settings.queue_limit)
    named = {Owner(name): _terms(granted, others) for name, granted in settings.owners.items()}
    return Fairness(owners=Owners(named=named, others=others))


def _terms(granted: OwnerSettings, others: Terms) -> Terms:
    return Terms(
        weight=granted.weight,
        priority=granted.priority,
        running=others.running if granted.running is None else granted.running,
        queued=others.queued if granted.queued is None else granted.queued,
    )


def make_turns(
    database: Database,
    fairness: Fairness,
    catalogue: Catalogue,
    hub: Hub,
    wake: Callable[[Version], None],
) -> Turns:
    """Make what keeps turns and limits true; it hears of every change from now on."""
    turns = Turns(
        store=TurnTables(database),
        fairness=fairness,
        catalogue=catalogue,
        clock=SystemClock(),
        wake=wake,
    )
    hub.announce(turns.changed)
    return turns
