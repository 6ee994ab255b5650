"""Models and versions, as tables of a database."""

from collections.abc import Sequence

from darkroom.domain.ids import VersionId
from darkroom.domain.model import Model, Version
from darkroom.domain.prediction import Milliseconds
from darkroom.ports.models import Kept, ModelChange, RunsSoFar
from darkroom.store import rows
from darkroom.store.database import Database, rows_of
from darkroom.store.transitions import models


class ModelTables:
    """Satisfies ModelStore."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def kept(self) -> Kept:
        """All models, trained versions and deleted ones."""
        made = await self._database.read(rows_of("models", {}))
        trained = await self._database.read(rows_of("trained_versions", {}))
        deleted = await self._database.read(rows_of("deleted_versions", {}))
        return Kept(
            made=[rows.model(row) for row in made],
            trained=[rows.version(row) for row in trained],
            deleted=[VersionId(str(id_)) for (id_,) in deleted],
        )

    async def runs(self) -> Sequence[RunsSoFar]:
        """Predictions by model, version and owner."""
        return [rows.runs(row) for row in await self._database.read(rows_of("runs", {}))]

    async def keep_trainers(self, bases: Sequence[Version]) -> None:
        """Keep versions that have a trainer."""
        await self._database.write(lambda: models.keep_trainers(bases))

    async def add(self, model: Model) -> Milliseconds | None:
        """Add a model."""
        return await self._database.write(lambda: models.add(model))

    async def change(self, model: Model, change: ModelChange) -> Model | None:
        """Change a model."""
        return await self._database.write(lambda: models.change(model, change))

    async def delete(self, model: Model) -> bool:
        """Delete a model."""
        return await self._database.write(lambda: models.delete(model))

    async def delete_version(self, version: Version) -> bool:
        """Remember that a version is deleted."""
        return await self._database.write(lambda: models.delete_version(version))
