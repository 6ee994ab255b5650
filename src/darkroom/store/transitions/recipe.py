"""What a transition is made of."""

from collections.abc import Generator
from typing import TypeAlias, TypeVar

from darkroom.store.rows import Parameters, Row

Call: TypeAlias = tuple[str, Parameters]
T = TypeVar("T")
Transition: TypeAlias = Generator[Call, list[Row], T]
