"""Deployments: a stable name for a version, and the releases that it has pointed to."""

from dataclasses import dataclass

from darkroom.domain.ids import Owner, VersionId
from darkroom.domain.prediction import Milliseconds

FIRST_RELEASE = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """What a release runs and where: `hardware` is a SKU, the instances a lower and upper bound."""

    model: str
    version: VersionId
    hardware: str
    min_instances: int
    max_instances: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """One state of a deployment; every change makes the next `number`."""

    number: int
    configuration: Configuration
    created_at: Milliseconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """A stable name, `owner/name`; predictions made through it run the version of its `release`.

    Ids sort in the order of creation and are never shown.
    """

    id: str
    owner: Owner
    name: str
    release: Release

    @property
    def path(self) -> str:
        """What a prediction is told to come from, `owner/name`."""
        return f"{self.owner}/{self.name}"
