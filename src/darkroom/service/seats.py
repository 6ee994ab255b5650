"""A connected worker and the slots it grants."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from darkroom.domain.ids import VersionId
from darkroom.domain.model import Version
from darkroom.ports import Holder
from darkroom.protocol.messages import Key


@dataclass(slots=True, kw_only=True, eq=False)
class Seat:
    """One connected worker."""

    holder: Holder
    slots: dict[str, int]
    send: Callable[[object], None]
    close: Callable[[], None]
    heard_at: float
    held: dict[Key, tuple[str, VersionId]] = field(default_factory=dict[Key, tuple[str, VersionId]])
    used: dict[str, int] = field(default_factory=dict[str, int])
    known: set[VersionId] = field(default_factory=set[VersionId])
    resident: Sequence[str] = ()
    draining: bool = False

    def free(self, version: Version) -> int:
        """How many more runs of *version* this worker takes now."""
        if self.draining:
            return 0
        room = self.slots.get(version.kind, 0) - self.used.get(version.kind, 0)
        if room > 0 and version.concurrency < self.slots[version.kind]:
            running = sum(1 for _, held in self.held.values() if held == version.id)
            room = min(room, version.concurrency - running)
        return max(room, 0)

    def take(self, key: Key, version: Version) -> None:
        """Count a run that goes to this worker."""
        self.held[key] = (version.kind, version.id)
        self.used[version.kind] = self.used.get(version.kind, 0) + 1

    def give_back(self, key: Key) -> None:
        """Count a run that is over."""
        kind, _version = self.held.pop(key)
        self.used[kind] -= 1
