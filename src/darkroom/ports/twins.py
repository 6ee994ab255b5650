"""What servers on one database tell each other, and how one knows that another is gone."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol, TypeAlias

from darkroom.domain.ids import ServerId, VersionId
from darkroom.ports.predictions import LiveAttempt

FairClocks: TypeAlias = Mapping[str, float]


class News(StrEnum):
    """What a hint is about; the letter it travels as."""

    CHANGED = "c"  # a prediction has changed and goes on
    ENDED = "e"  # a prediction has ended: nobody need run it any more
    TRAINED = "t"  # a training has ended
    WAITING = "w"  # something waits for a version
    KEYS = "k"  # a key was made or revoked
    MODELS = "m"  # a model or version was made, changed or deleted


@dataclass(frozen=True, slots=True)
class Hint:
    """That something has changed in the database, and what; nothing but a reason to look there."""

    news: News
    subject: str = ""


class Hints(Protocol):
    """Carries hints between servers, soon and perhaps: whoever needs to know looks besides."""

    def tell(self, hint: Hint) -> None:
        """Tell all other servers, a moment later; call it after the commit."""
        ...

    def start(self) -> None:
        """Begin to tell and to listen."""
        ...

    def listen(self, heard: Callable[[Hint], None], missed: Callable[[], None]) -> None:
        """Have *heard* called with what others tell, *missed* when something may have got lost."""
        ...


NEVER = 0
"""The beat of a server that is forgotten, or was never heard of, and has attempts."""


@dataclass(frozen=True, slots=True)
class ServerBeat:
    """A server, and a number that grows as long as it lives; `NEVER` if nobody knows it.

    `fair_clocks` tells how far its fair queueing has come, by class of what waits.
    """

    server: ServerId
    beat: int
    fair_clocks: FairClocks = field(default_factory=dict[str, float], compare=False)


class Servers(Protocol):
    """The servers on this database."""

    def beat(self, fair_clocks: FairClocks) -> Awaitable[object]:
        """Tell that this one lives, and how far its fair queueing has come."""
        ...

    async def known(self) -> Sequence[ServerBeat]:
        """All, this one among them, and whoever else holds an attempt."""
        ...

    async def held_by(self, server: ServerId) -> Sequence[LiveAttempt]:
        """The attempts of a server that have not ended."""
        ...

    def bury(self, gone: ServerBeat) -> Awaitable[object]:
        """Forget a server and let others deliver what it had taken, unless it has beaten since."""
        ...


class Others(Protocol):
    """The servers beside this one, as its dispatcher sees them."""

    @property
    def alone(self) -> bool:
        """Whether no other server is known to live."""
        ...

    def waits(self, version: VersionId) -> None:
        """Something waits for a version, and whoever has room may take it."""
        ...


class _Nobody:
    alone = True

    def waits(self, version: VersionId) -> None:
        """Nobody hears it."""


NOBODY: Others = _Nobody()
"""For a server that has its database to itself."""
