"""Deployments and their releases, as tables of a database."""

from collections.abc import Sequence
from typing import TypeAlias, cast

from darkroom.domain.deployment import Configuration, Deployment, Release
from darkroom.domain.ids import Owner, VersionId
from darkroom.domain.prediction import Milliseconds
from darkroom.store.database import Database, rows_of
from darkroom.store.rows import ABOVE_ALL_IDS, Row
from darkroom.store.transitions import deploying

_DeploymentRow: TypeAlias = tuple[str, str, str, int, str, str, str, int, int, int]


class DeploymentTables:
    """Satisfies DeploymentStore."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(
        self, id_: str, owner: Owner, name: str, configuration: Configuration, *, most: int
    ) -> Deployment | None:
        """Add a deployment."""
        return await self._database.write(
            lambda: deploying.add(id_, owner, name, configuration, most=most)
        )

    async def get(self, owner: Owner, name: str) -> Deployment | None:
        """One deployment."""
        found = await self._database.read(rows_of("deployment", {"owner": owner, "name": name}))
        return _deployment(found[0]) if found else None

    async def page(
        self, owner: Owner, *, size: int, before: str | None, after: str | None
    ) -> Sequence[Deployment]:
        """One page."""
        statement = "deployments_down" if after is None else "deployments_up"
        edge = (before or ABOVE_ALL_IDS) if after is None else after
        parameters = {"owner": owner, "edge": edge, "size": size}
        found = [
            _deployment(row) for row in await self._database.read(rows_of(statement, parameters))
        ]
        return found if after is None else found[::-1]

    async def release(self, known: Deployment, configuration: Configuration) -> Deployment | None:
        """Make the next release."""
        return await self._database.write(lambda: deploying.release(known, configuration))

    async def delete(self, owner: Owner, name: str) -> bool:
        """Forget a deployment."""
        return await self._database.write(lambda: deploying.delete(owner, name))


def _deployment(row: Row) -> Deployment:
    (
        id_, owner, name, number, model, version, hardware, least, most, created_at,
    ) = cast("_DeploymentRow", row)  # fmt: skip
    return Deployment(
        id=id_,
        owner=Owner(owner),
        name=name,
        release=Release(
            number=number,
            configuration=Configuration(
                model=model,
                version=VersionId(version),
                hardware=hardware,
                min_instances=least,
                max_instances=most,
            ),
            created_at=Milliseconds(created_at),
        ),
    )
