"""What runs and loads take, in seconds, as far as it is known: the measure of fair turns.

Both are guesses that follow what workers tell. A version that never ran counts as one second.
"""

import math
from collections.abc import Collection, Mapping

from darkroom.domain.ids import VersionId
from darkroom.domain.prediction import Outcome
from darkroom.protocol.messages import Ended

UNKNOWN_SECONDS = 1.0
_LEAST_SECONDS = 0.001  # a turn must cost something, or an owner could take any number of them
_MOST_SECONDS = 86_400.0
_WEIGHT_OF_THE_LAST = 0.2


class Costs:
    """Expected seconds of runs and loads, by version."""

    def __init__(self) -> None:
        self._runs: dict[VersionId, float] = {}
        self._heard: dict[VersionId, float] = {}
        self._loads: dict[VersionId, float] = {}

    def run_seconds(self, version: VersionId) -> float:
        """How long a run of *version* is expected to take."""
        found = self._runs.get(version)
        return self._heard.get(version, UNKNOWN_SECONDS) if found is None else found

    def load_seconds(self, version: VersionId) -> float:
        """How long *version* took to fetch and load the last time; 0 if nobody has told."""
        return self._loads.get(version, 0.0)

    def ended(self, version: VersionId, ended: Ended) -> None:
        """A run is over here; only one that succeeded tells how long the next will take."""
        if ended.outcome != Outcome.SUCCEEDED or not math.isfinite(ended.run_seconds):
            return
        seconds = _within(ended.run_seconds)
        before = self._runs.get(version, seconds)
        self._runs[version] = before + (seconds - before) * _WEIGHT_OF_THE_LAST

    def heard(self, means: Mapping[VersionId, float]) -> None:
        """What runs took elsewhere, or before this server began; own runs tell better."""
        self._heard = {version: _within(seconds) for version, seconds in means.items()}

    def loaded(self, known: Collection[VersionId], loads: Mapping[str, float]) -> None:
        """A worker tells how long it took to load what it has loaded.

        Args:
            known: the versions it was told about; it cannot have loaded others.
            loads: seconds by version.
        """
        for name, seconds in loads.items():
            version = VersionId(name)
            if version in known and math.isfinite(seconds):
                self._loads[version] = _within(seconds)


def _within(seconds: float) -> float:
    return min(max(seconds, _LEAST_SECONDS), _MOST_SECONDS)
