"""Deployments: create, get, list, update and delete; and what a prediction through one runs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from darkroom.domain.deployment import Configuration, Deployment
from darkroom.domain.errors import (
    AlreadyExists,
    InvalidField,
    InvalidInput,
    NotAllowed,
    NotFound,
    UnknownHardware,
    VersionNotRunnable,
)
from darkroom.domain.ids import Owner, VersionId, is_name
from darkroom.domain.model import Hardware, Model, Version
from darkroom.ports.deployments import DeploymentStore
from darkroom.service.catalogue import NOT_RUNNABLE, Catalogue

MOST_DEPLOYMENTS = 1000
_TAKEN = "A deployment with that name and owner already exists."


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What a deployment's next release shall have other than the current one; None keeps it."""

    version: str | None = None
    hardware: str | None = None
    min_instances: int | None = None
    max_instances: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployments:
    """What owners can do with deployments.

    Args:
        store: keeps them.
        catalogue: what can be run.
        hardware: what this server has.
        ids: makes ids that sort in the order they were made.
    """

    store: DeploymentStore
    catalogue: Catalogue
    hardware: Sequence[Hardware]
    ids: Callable[[], str]

    async def create(self, owner: Owner, name: str, wanted: Configuration) -> Deployment:
        """Add a deployment; `wanted.version` may be any text that names a version of the model.

        Raises:
            AlreadyExists: the owner has one of that name.
            InvalidInput: the bounds are the wrong way round.
            NotAllowed: the owner has as many as are allowed.
            UnknownHardware: none of this server's.
            VersionNotRunnable: it is none of that model's.
        """
        checked = self._checked(owner, wanted)
        added = await self.store.add(self.ids(), owner, name, checked, most=MOST_DEPLOYMENTS)
        if added is not None:
            return added
        if await self.store.get(owner, name) is not None:
            raise AlreadyExists(_TAKEN)
        raise NotAllowed(
            f"{owner} has {MOST_DEPLOYMENTS} deployments, which is the limit. Delete one first."
        )

    async def get(self, owner: Owner, name: str, *, by: Owner) -> Deployment:
        """One deployment.

        Raises:
            NotFound: there is none, or it is not *by*'s own.
        """
        found = await self.store.get(owner, name) if owner == by and is_name(name) else None
        if found is None:
            raise NotFound(f"There is no deployment {owner}/{name}")
        return found

    async def page(
        self, owner: Owner, *, size: int, before: str | None, after: str | None
    ) -> Sequence[Deployment]:
        """One page of *owner*'s deployments, newest first."""
        return await self.store.page(owner, size=size, before=before, after=after)

    async def update(self, owner: Owner, name: str, change: Change, *, by: Owner) -> Deployment:
        """Make the next release; a change of nothing makes none.

        Raises:
            NotFound: as for `get`; InvalidInput, UnknownHardware, VersionNotRunnable: as for
                `create`.
        """
        while True:
            known = await self.get(owner, name, by=by)
            if change == Change():
                return known
            wanted = _changed(known.release.configuration, change)
            made = await self.store.release(known, self._checked(owner, wanted))
            if made is not None:  # else somebody made a release meanwhile: change that one
                return made

    async def delete(self, owner: Owner, name: str, *, by: Owner) -> None:
        """Forget a deployment; its predictions stay.

        Raises:
            NotFound: as for `get`.
        """
        known = owner == by and is_name(name)
        if not known or not await self.store.delete(owner, name):
            raise NotFound(f"There is no deployment {owner}/{name}")

    def runnable(self, deployment: Deployment) -> tuple[Model, Version]:
        """What a prediction through *deployment* runs.

        Raises:
            VersionNotRunnable: the version has left the catalogue.
        """
        version = deployment.release.configuration.version
        return self.catalogue.resolve(version, caller=deployment.owner)

    def _checked(self, owner: Owner, wanted: Configuration) -> Configuration:
        model, version = self.catalogue.resolve(wanted.version, caller=owner)
        if model.path != wanted.model:
            raise VersionNotRunnable(NOT_RUNNABLE)
        if wanted.hardware not in (skus := [one.sku for one in self.hardware]):
            raise UnknownHardware(wanted.hardware, skus)
        if wanted.min_instances > wanted.max_instances:
            words = "Must be less than or equal to max_instances"
            fault = InvalidField(type="number_lte", field="min_instances", description=words)
            raise InvalidInput([fault])
        return replace(wanted, version=version.id)


def _changed(current: Configuration, change: Change) -> Configuration:
    return Configuration(
        model=current.model,
        version=current.version if change.version is None else VersionId(change.version),
        hardware=current.hardware if change.hardware is None else change.hardware,
        min_instances=_first(change.min_instances, current.min_instances),
        max_instances=_first(change.max_instances, current.max_instances),
    )


def _first(value: int | None, otherwise: int) -> int:
    return otherwise if value is None else value
