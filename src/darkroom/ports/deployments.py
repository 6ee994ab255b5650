"""What the service asks of the durable store of deployments."""

from collections.abc import Sequence
from typing import Protocol

from darkroom.domain.deployment import Configuration, Deployment
from darkroom.domain.ids import Owner


class DeploymentStore(Protocol):
    """Deployments and their releases. A change is on disk when its method returns."""

    async def add(
        self, id_: str, owner: Owner, name: str, configuration: Configuration, *, most: int
    ) -> Deployment | None:
        """Add a deployment with its first release.

        None if *owner* has one of that name, or *most* of them.
        """
        ...

    async def get(self, owner: Owner, name: str) -> Deployment | None:
        """One deployment with its current release."""
        ...

    async def page(
        self, owner: Owner, *, size: int, before: str | None, after: str | None
    ) -> Sequence[Deployment]:
        """Up to *size* of *owner*'s deployments, newest first, strictly before or after an id."""
        ...

    async def release(self, known: Deployment, configuration: Configuration) -> Deployment | None:
        """Make the release after the one of *known*; None if another was made, or it is gone."""
        ...

    async def delete(self, owner: Owner, name: str) -> bool:
        """Forget a deployment with its releases; False if there is none."""
        ...
