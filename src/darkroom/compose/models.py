"""Models, deployments and what they ask of the machine, joined."""

from collections.abc import Callable, Sequence

from darkroom.domain.model import Hardware
from darkroom.service.catalogue import Catalogue
from darkroom.service.deployments import Deployments
from darkroom.service.hub import Hub
from darkroom.service.models import Models
from darkroom.service.runs import Runs
from darkroom.store.database import Database
from darkroom.store.deployments import DeploymentTables
from darkroom.store.models import ModelTables


async def make_models(
    database: Database,
    catalogue: Catalogue,
    hub: Hub,
    ids: Callable[[], str],
    *,
    hardware: Sequence[Hardware],
    runs: Runs,
    changed: Callable[[], None] = lambda: None,
) -> tuple[Models, Deployments]:
    """Make both, and have *catalogue* know what is kept; before anything is run.

    Args:
        database: open.
        catalogue: what the files say.
        hub: tells of trainings that end.
        ids: makes ids of deployments.
        hardware: what this server has.
        runs: counts predictions; is told of those that were there before.
        changed: called after a model or version was made, changed or deleted over the API.
    """
    deployments = Deployments(
        store=DeploymentTables(database),
        catalogue=catalogue,
        hardware=hardware,
        ids=ids,
    )
    models = Models(
        store=ModelTables(database),
        catalogue=catalogue,
        runs=runs,
        hardware=hardware,
        changed=changed,
    )
    await models.load()
    hub.mind_ends(models.learn)
    return models, deployments
