"""How often models have been run, and by whom: counted in memory from what was there at start."""

from collections.abc import Sequence

from darkroom.domain.ids import Owner, VersionId
from darkroom.ports.models import RunsSoFar


class Runs:
    """Counts of predictions; trainings are not counted."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._owners: dict[VersionId, set[Owner]] = {}

    def load(self, so_far: Sequence[RunsSoFar]) -> None:
        """Take over what was counted before."""
        for one in so_far:
            self._counts[one.model] = self._counts.get(one.model, 0) + one.count
            self._owners.setdefault(one.version, set()).add(one.owner)

    def add(self, model: str, version: VersionId, owner: Owner) -> None:
        """Count one more prediction."""
        self._counts[model] = self._counts.get(model, 0) + 1
        self._owners.setdefault(version, set()).add(owner)

    def of(self, model: str) -> int:
        """How many predictions `owner/name` has had."""
        return self._counts.get(model, 0)

    def by_others(self, version: VersionId, owner: Owner) -> bool:
        """Whether somebody else than *owner* has run *version*."""
        return bool(self._owners.get(version, set()) - {owner})
