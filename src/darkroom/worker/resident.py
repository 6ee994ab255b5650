"""What a worker knows of versions: how far each is, who needs it, and how large it is."""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from pathlib import Path

from darkroom.domain.errors import PeerMisbehaved
from darkroom.protocol.messages import Key, VersionSpec

WEIGHTS = "weights"  # a version whose configuration names none takes no room
_WEIGHTS_SUFFIX = ".safetensors"


class Stage(Enum):
    """How far a version is on its way into a host."""

    ABSENT = auto()
    FETCHING = auto()  # its weights are on their way to this machine
    QUEUED = auto()  # there is no room yet
    LOADING = auto()
    READY = auto()


@dataclass(slots=True, kw_only=True, eq=False)
class Resident:
    """A version this worker knows, and the attempts that need it.

    Attributes:
        users: attempts that run or may run as soon as it is ready.
        later: attempts that came while it makes way for another.
        makes_way: it takes no new users, so that another version can be loaded in its place.
        pinned: it is loaded whether or not a run needs it, and stays.
        warming: it has been asked to be loaded once, whether or not a run needs it.
        size_bytes: what it takes: as `measured` at its last load, before that as its files are.
        alone: it did not fit beside others.
        waits_since: when it first had to wait for others to go; in seconds of the loop's clock.
        trouble: why it could not be loaded when that was last tried.
        told: the line last told to those who wait for it.
        load_seconds: what fetching and loading took the last time, without waiting for room.
    """

    spec: VersionSpec
    ready_spec: VersionSpec
    stage: Stage = Stage.ABSENT
    users: dict[Key, None] = field(default_factory=dict[Key, None])
    later: dict[Key, None] = field(default_factory=dict[Key, None])
    makes_way: bool = False
    pinned: bool = False
    warming: bool = False
    size_bytes: int = 0
    measured: bool = False
    alone: bool = False
    waits_since: float | None = None
    trouble: str | None = None
    told: str = ""
    loads: int = 0
    fetch_seconds: float = 0.0
    load_began_at: float = 0.0
    load_seconds: float = 0.0

    @property
    def takes_room(self) -> bool:
        """Whether it counts against the limits."""
        return WEIGHTS in self.spec.config

    @property
    def awaited(self) -> bool:
        """Whether anybody wants it to be loaded."""
        return bool(self.users) or self.pinned or self.warming

    def absent(self) -> None:
        """It is not loaded, or no longer; who came later is a user like any other."""
        self.stage = Stage.ABSENT
        self.admit()

    def admit(self) -> None:
        """It makes way for nobody any more."""
        self.makes_way = False
        self.users |= self.later
        self.later.clear()


class Residents:
    """All versions that the server has described.

    Attributes:
        listener: called when other versions take runs than before.
    """

    def __init__(self) -> None:
        self._known: dict[str, Resident] = {}
        self._open: set[str] = set()
        self.listener: Callable[[], None] | None = None

    def look(self) -> None:
        """Something may have been loaded or unloaded, or may make way."""
        before, self._open = self._open, set(self.ready).difference(self.closed)
        if self._open != before and self.listener is not None:
            self.listener()

    def know(self, spec: VersionSpec) -> Resident:
        """Remember what a version is; one that is known already stays as it is."""
        return self._known.setdefault(spec.id, Resident(spec=spec, ready_spec=spec))

    def find(self, version: str) -> Resident:
        """A version the server has described.

        Raises:
            PeerMisbehaved: it has not.
        """
        resident = self._known.get(version)
        if resident is None:
            raise PeerMisbehaved(f"version {version} was never described")
        return resident

    def loading(self, version: str) -> Resident:
        """A version that a host has been asked to load.

        Raises:
            PeerMisbehaved: none has.
        """
        resident = self._known.get(version)
        if resident is None or resident.stage is not Stage.LOADING:
            raise PeerMisbehaved(f"version {version} is not being loaded")
        return resident

    @property
    def all(self) -> Sequence[Resident]:
        """Whatever the server has described."""
        return list(self._known.values())

    def in_host(self, kind: str) -> Sequence[Resident]:
        """What the host of *kind* has loaded or is loading."""
        inside = (Stage.LOADING, Stage.READY)
        known = self._known.values()
        return [one for one in known if one.spec.kind == kind and one.stage in inside]

    @property
    def ready(self) -> list[str]:
        """Ids of all loaded versions."""
        return [id_ for id_, one in self._known.items() if one.stage is Stage.READY]

    @property
    def closed(self) -> list[str]:
        """Ids of those loaded versions that take no new users now."""
        return [id_ for id_ in self.ready if self._known[id_].makes_way]

    @property
    def load_seconds(self) -> dict[str, float]:
        """How long each loaded version took to fetch and load."""
        return {id_: self._known[id_].load_seconds for id_ in self.ready}

    @property
    def troubles(self) -> dict[str, str]:
        """Why versions are not loaded whose last load failed."""
        return {id_: one.trouble for id_, one in self._known.items() if one.trouble}


def size_on_disk(spec: VersionSpec) -> int:
    """Bytes of all weights that the configuration of a fetched version names; 0 if it names none.

    It blocks for as long as a look at the folders takes.
    """
    return sum(_size(Path(value)) for value in spec.config.values() if os.sep in value)


def _size(path: Path) -> int:
    try:
        return sum(file.stat().st_size for file in _weights_in(path))
    except OSError:  # a guess may be too small; what it takes is measured when it is loaded
        return 0


def _weights_in(path: Path) -> Iterator[Path]:
    if path.suffix == _WEIGHTS_SUFFIX:
        yield path
    else:
        yield from path.rglob(f"*{_WEIGHTS_SUFFIX}")
