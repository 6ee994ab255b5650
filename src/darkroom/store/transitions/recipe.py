"""What a transition is made of."""

from collections.abc import Generator
from typing import TypeAlias, TypeVar

from darkroom.store.rows import Parameters, Row

Call: TypeAlias = tuple[str, Parameters]
Calls: TypeAlias = Call | list[Call]
"""One statement, or several that take effect together: none of them sees what another one changes,
and the rows of the first come back. That saves a database across a network the ways in between."""

T = TypeVar("T")
Transition: TypeAlias = Generator[Calls, list[Row], T]
