"""Which versions workers keep loaded: pinned in the operator's file or by a verb, or warmed once.

What a verb pins is forgotten when the server ends, and is told to the workers of this server alone.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from darkroom.domain.errors import NotFound, StillNeeded
from darkroom.domain.ids import VersionId, worker_name
from darkroom.domain.model import Version
from darkroom.protocol.messages import WATCH_PROTOCOL, Keep
from darkroom.service.catalogue import Catalogue, to_spec
from darkroom.service.seats import Seat


class PinnedBy(StrEnum):
    """Where a pin comes from, and so where it is taken back."""

    FILE = "file"  # darkroom.yaml
    VERB = "verb"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a version stands with the workers of this server.

    Args:
        pinned: None where it is not.
        workers: those that are asked to load it, or would be: of its pool, able to and not leaving.
        loaded: those that have it loaded.
        troubles: why it is not loaded, by the worker's name.
    """

    version: Version
    pinned: PinnedBy | None
    workers: Sequence[str]
    loaded: Sequence[str]
    troubles: Mapping[str, str]


class Pins:
    """Has versions loaded before anybody runs them, and kept.

    Args:
        catalogue: tells what the operator's file pins.
        seats: the workers of this server, as they are at any moment.
    """

    def __init__(self, catalogue: Catalogue, seats: Callable[[], Sequence[Seat]]) -> None:
        self._catalogue = catalogue
        self._seats = seats
        self._pinned: dict[VersionId, None] = {}
        self._warmed: dict[VersionId, None] = {}

    def greet(self, seat: Seat) -> None:
        """Tell a worker that has just come what to keep; its welcome goes first."""
        for version in self._all_pinned():
            if _takes(seat, version):
                asyncio.get_running_loop().call_soon(_keep, seat, version, True, True)  # noqa: FBT003

    def warm(self, version: Version) -> Standing:
        """Have it loaded now by every worker of its pool, whether or not a run needs it."""
        self._warmed[version.id] = None
        self._tell(version, load=True)
        return self.standing(version)

    def pin(self, version: Version) -> Standing:
        """Have it loaded, and kept until the pin is taken back or this server ends."""
        if self._pinned_by(version.id) is not PinnedBy.FILE:
            self._pinned[version.id] = None
        self._tell(version, load=True)
        return self.standing(version)

    def unpin(self, version: Version) -> Standing:
        """Let it make room for others again; nothing happens to one that is not pinned.

        Raises:
            StillNeeded: the operator's file pins it.
        """
        if self._pinned_by(version.id) is PinnedBy.FILE:
            raise StillNeeded(
                f"{version.model} is pinned in darkroom.yaml; remove `pin` from its entry there "
                "and start the server anew."
            )
        if version.id in self._pinned:
            del self._pinned[version.id]
            self._tell(version, load=False)
        return self.standing(version)

    def standing(self, version: Version) -> Standing:
        """How it stands now, as far as workers have told: they do with every beat."""
        seats = [seat for seat in self._seats() if seat.pool == version.pool]
        able = [seat for seat in seats if _takes(seat, version)]
        return Standing(
            version=version,
            pinned=self._pinned_by(version.id),
            workers=[_name(seat) for seat in able],
            loaded=[_name(seat) for seat in seats if version.id in seat.resident],
            troubles={
                _name(seat): seat.troubles[version.id]
                for seat in able
                if version.id in seat.troubles
            },
        )

    def standings(self) -> Sequence[Standing]:
        """Every version that is loaded, was to be, or could not be; by model."""
        ids: dict[str, None] = {one.id: None for one in self._all_pinned()}
        ids |= self._warmed
        for seat in self._seats():
            ids |= dict.fromkeys(seat.resident)
            ids |= dict.fromkeys(seat.troubles)
        found = [version for id_ in ids if (version := self._found(id_)) is not None]
        found.sort(key=lambda version: (version.model, -version.created_at))
        return [self.standing(version) for version in found]

    def _found(self, id_: str) -> Version | None:
        try:
            return self._catalogue.version(id_)[1]
        except NotFound:  # a worker from elsewhere may know what this server does not
            return None

    def _all_pinned(self) -> Sequence[Version]:
        by_verb = [version for id_ in self._pinned if (version := self._found(id_)) is not None]
        return [*self._in_file(), *by_verb]

    def _in_file(self) -> Sequence[Version]:
        models = self._catalogue.models()
        return [one.latest for one in models if one.pinned and one.versions]

    def _pinned_by(self, version: VersionId) -> PinnedBy | None:
        if any(one.id == version for one in self._in_file()):
            return PinnedBy.FILE
        return PinnedBy.VERB if version in self._pinned else None

    def _tell(self, version: Version, *, load: bool) -> None:
        pinned = self._pinned_by(version.id) is not None
        for seat in self._seats():
            if _takes(seat, version):
                _keep(seat, version, pinned, load)


def _name(seat: Seat) -> str:
    return worker_name(seat.holder.worker)


def _takes(seat: Seat, version: Version) -> bool:
    """Whether this worker can be told to keep that version."""
    able = seat.pool == version.pool and seat.slots.get(version.kind, 0) > 0
    return able and not seat.draining and seat.protocol >= WATCH_PROTOCOL


def _keep(seat: Seat, version: Version, pinned: bool, load: bool) -> None:  # noqa: FBT001  # facts for a message
    seat.known.add(version.id)
    seat.ask(version.id)
    seat.send(Keep(to_spec(version), pinned, load))
