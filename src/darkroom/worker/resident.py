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

    BEHIND = auto()  # what it was before is needed still
    ABSENT = auto()
    FETCHING = auto()  # its weights are on their way to this machine
    QUEUED = auto()  # there is no room yet
    LOADING = auto()
    READY = auto()


@dataclass(slots=True, kw_only=True, eq=False)
class Resident:
    """A version as the server has described it, and the attempts that need it so.

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
    def needed(self) -> bool:
        """Whether it must stay, though the version is described otherwise by now."""
        return bool(self.users or self.later) or self.stage is Stage.LOADING

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

    def successor(self, spec: VersionSpec) -> "Resident":
        """What the version is from now on, with whatever was wanted without a run."""
        pinned, self.pinned = self.pinned, False
        warming, self.warming = self.warming, False
        return Resident(
            spec=spec, ready_spec=spec, stage=Stage.BEHIND, pinned=pinned, warming=warming
        )


class Residents:
    """All versions that the server has described.

    A version may be described anew, as by a server that was started with another `darkroom.yaml`.
    What it was before stays as long as it is needed, and goes first: hosts know versions by their
    ids alone.

    Attributes:
        listener: called when other versions take runs than before.
    """

    def __init__(self) -> None:
        self._known: dict[str, list[Resident]] = {}  # the last is what it is now
        self._open: set[str] = set()
        self.listener: Callable[[], None] | None = None

    def look(self) -> None:
        """Something may have been loaded or unloaded, or may make way."""
        before, self._open = self._open, set(self.ready).difference(self.closed)
        if self._open != before and self.listener is not None:
            self.listener()

    def know(self, spec: VersionSpec) -> Resident:
        """Remember what a version is from now on; see `dismiss` for what it was before."""
        known = self._known.setdefault(spec.id, [])
        if not known:
            known.append(Resident(spec=spec, ready_spec=spec))
        elif known[-1].spec != spec:
            known.append(known[-1].successor(spec))
        return known[-1]

    def dismiss(self, version: str) -> Sequence[Resident]:
        """Forget what a version was before where nothing needs that any more, and return it."""
        known = self._known[version]
        gone = [one for one in known[:-1] if not one.needed]
        if gone:
            self._known[version] = [one for one in known if one not in gone]
        return gone

    def find(self, version: str) -> Resident:
        """A version as the server has described it last.

        Raises:
            PeerMisbehaved: it has not.
        """
        return self._of(version)[-1]

    def first(self, version: str) -> Resident:
        """A version as it is in its host, or on its way there; what comes behind waits for it.

        Raises:
            PeerMisbehaved: the server has not described it.
        """
        return self._of(version)[0]

    def loading(self, version: str) -> Resident:
        """A version that a host has been asked to load.

        Raises:
            PeerMisbehaved: none has.
        """
        resident = self.first(version)
        if resident.stage is not Stage.LOADING:
            raise PeerMisbehaved(f"version {version} is not being loaded")
        return resident

    @property
    def all(self) -> Sequence[Resident]:
        """Whatever the server has described, as it is now."""
        return [known[-1] for known in self._known.values()]

    def in_host(self, kind: str) -> Sequence[Resident]:
        """What the host of *kind* has loaded or is loading."""
        inside = (Stage.LOADING, Stage.READY)
        first = [known[0] for known in self._known.values()]
        return [one for one in first if one.spec.kind == kind and one.stage in inside]

    @property
    def ready(self) -> list[str]:
        """Ids of all versions that are loaded as they are now."""
        return [one.spec.id for one in self.all if one.stage is Stage.READY]

    @property
    def closed(self) -> list[str]:
        """Ids of those loaded versions that take no new users now."""
        return [id_ for id_ in self.ready if self._known[id_][-1].makes_way]

    @property
    def load_seconds(self) -> dict[str, float]:
        """How long each loaded version took to fetch and load."""
        return {id_: self._known[id_][-1].load_seconds for id_ in self.ready}

    @property
    def troubles(self) -> dict[str, str]:
        """Why versions are not loaded whose last load failed."""
        return {one.spec.id: one.trouble for one in self.all if one.trouble}

    def _of(self, version: str) -> Sequence[Resident]:
        known = self._known.get(version)
        if known is None:
            raise PeerMisbehaved(f"version {version} was never described")
        return known


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
