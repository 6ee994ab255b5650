"""What the tables ask of a database: to follow a transition, in a transaction or just reading."""

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from darkroom.store.rows import Parameters, Row
from darkroom.store.transitions.recipe import Transition

T = TypeVar("T")


class Database(Protocol):
    """One database. No method is a coroutine's body: what they queue is queued at once."""

    def write(
        self,
        recipe: Callable[[], Transition[T]],
        *,
        patient: bool = False,
        about: str | None = None,
    ) -> Awaitable[T]:
        """Follow a transition in a transaction; done once the commit is on disk.

        A recipe may be called twice, so it must make a fresh transition each time.

        Args:
            recipe: makes the transition.
            patient: the commit may wait a millisecond for a change that is in more of a hurry.
            about: the one prediction whose rows it reads and changes; None if there may be others.
                Changes about different predictions may take their steps by turns.

        Raises:
            StoreBusy: the database takes no writes now.
        """
        ...

    def read(self, transition: Transition[T]) -> Awaitable[T]:
        """Follow a transition that changes nothing, beside the writer.

        Raises:
            StoreBusy: the database cannot be read now.
        """
        ...

    def scrub(self) -> Awaitable[None]:
        """Leave no bytes of deleted rows in the database's files; may take a tenth of a second.

        Raises:
            StoreBusy: it cannot be done now; try again later.
        """
        ...


def rows_of(name: str, parameters: Parameters) -> Transition[list[Row]]:
    """The transition that is one statement."""
    return (yield name, parameters)
