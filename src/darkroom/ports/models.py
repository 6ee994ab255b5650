"""What is kept of models: those made over the API, and versions that came or went meanwhile."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from darkroom.domain.ids import Owner, VersionId
from darkroom.domain.model import Model, Version, Visibility
from darkroom.domain.prediction import Milliseconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """Everything there is: `made` come without versions, `trained` with those that are deleted."""

    made: Sequence[Model]
    trained: Sequence[Version]
    deleted: Sequence[VersionId]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunsSoFar:
    """How many predictions of a version one owner has created."""

    model: str
    version: VersionId
    owner: Owner
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelChange:
    """What a model shall tell of itself from now on: None keeps it, an empty text empties it."""

    visibility: Visibility | None = None
    description: str | None = None
    readme: str | None = None
    github_url: str | None = None
    paper_url: str | None = None
    license_url: str | None = None
    cover_image_url: str | None = None
    weights_url: str | None = None


class ModelStore(Protocol):
    """Durable models and versions. The versions of trainings are added where trainings end."""

    async def kept(self) -> Kept:
        """All of it."""
        ...

    async def runs(self) -> Sequence[RunsSoFar]:
        """Of all predictions that are no trainings; looks at every one."""
        ...

    async def keep_trainers(self, bases: Sequence[Version]) -> None:
        """Keep versions whole that have a trainer, so that trainings of them can end."""
        ...

    async def add(self, model: Model) -> Milliseconds | None:
        """Add a model; when, by the database's clock.

        None if its owner has one of that name, or a trained version is left of one that is gone.
        """
        ...

    async def change(self, model: Model, change: ModelChange) -> Model | None:
        """Apply *change* to what is kept of *model*, whatever came between; None if it is gone.

        What is returned has no versions.
        """
        ...

    async def delete(self, model: Model) -> bool:
        """Delete; False if it is gone, has a version, or a training makes one of it."""
        ...

    async def delete_version(self, version: Version) -> bool:
        """Remember for good that this version is deleted, wherever it came from.

        False, and nothing is done, if the current release of a deployment runs it.
        """
        ...
