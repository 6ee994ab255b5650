"""What a transition is made of."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

from darkroom.store.rows import Parameters, Row

Call: TypeAlias = tuple[str, Parameters]


@dataclass(frozen=True, slots=True)
class Gathered:
    """Several statements that read the same columns; the rows of all of them come back."""

    calls: Sequence[Call]


Calls: TypeAlias = Call | list[Call] | Gathered
"""One statement, or several that take effect together: none of them sees what another one changes,
and the rows of the first come back. That saves a database across a network the ways in between."""

T = TypeVar("T")
Transition: TypeAlias = Generator[Calls, list[Row], T]
