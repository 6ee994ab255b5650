"""Group `durability`: its parts, and how much effort each gets."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from bench.durability import cancel, echo, fleet, recovery, rows
from bench.durability.postgres import postgres
from bench.figures import Figure


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How long to measure.

    `rounds` of `seconds` for each load of `echo`; `fleet_seconds` for one run of the fleet; `sizes`
    are the numbers of finished predictions, the smallest first.
    """

    rounds: int
    seconds: float
    fleet_seconds: float
    sizes: Sequence[int]
    parts: Sequence[str]


def figures(effort: Effort) -> list[Figure]:
    with ExitStack() as stack:
        database = stack.enter_context(postgres())
        few = max(1, effort.rounds // 2)
        parts: dict[str, Callable[[], list[Figure]]] = {
            "echo": lambda: echo.figures(database, effort.rounds, effort.seconds),
            "fleet": lambda: fleet.figures(database, few, effort.fleet_seconds),
            "rows": lambda: rows.figures(database, effort.rounds, effort.sizes),
            "cancel": lambda: cancel.figures(database, few),
            "recovery": lambda: recovery.figures(database, few + 1),
        }
        return [figure for part in effort.parts for figure in parts[part]()]
