"""What the pools of the settings need, joined to what is counted."""

from darkroom.pool_settings import PoolSettings
from darkroom.ports.serving import Clock
from darkroom.service.catalogue import Catalogue
from darkroom.service.costs import Costs
from darkroom.service.dispatch import Dispatcher
from darkroom.service.keys import Keys
from darkroom.service.pools import Bounds, Demand
from darkroom.settings import Settings
from darkroom.store.database import Database
from darkroom.store.pools import PoolTables


def make_demand(
    settings: Settings,
    database: Database,
    dispatcher: Dispatcher,
    clock: Clock,
    costs: Costs,
    catalogue: Catalogue,
    keys: Keys,
) -> Demand:
    """Make what says how many workers each pool should have."""
    bounds = {name: _bounds(one) for name, one in settings.pools.items()}
    return Demand(
        bounds,
        PoolTables(database),
        lambda: dispatcher.seats,
        clock,
        costs.run_seconds,
        lambda: {*catalogue.pools(), *keys.pools()},
    )


def _bounds(pool: PoolSettings) -> Bounds:
    return Bounds(
        least=pool.min,
        most=pool.max,
        idle_seconds=pool.idle_seconds,
        target_wait_seconds=pool.target_wait_seconds,
        gpus=pool.gpus,
        cpus=pool.cpus,
        resources=dict(pool.resources),
    )
