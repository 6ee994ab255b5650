"""`python -m bench`: runs the groups, prints a table and writes build/bench.json."""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from bench import api
from bench.durability import group as durability
from bench.engine import group as engine
from bench.engine.case import BACKENDS, FULL, TINY
from bench.engine.case import Effort as EngineEffort
from bench.figures import Figure, markdown, read_json, table, write_json

OUT = Path("build/bench.json")
PARTS = {
    "api": ("start", "echo", "hooks", "streams", "upload", "full"),
    "durability": ("echo", "fleet", "rows", "cancel", "recovery"),
    "engine": engine.PARTS,
}
EXTRA = ("picture",)
"""Parts that run only where they are named."""


def main() -> int:
    words = words_of(sys.argv[1:])
    if words.markdown:
        print(markdown(read_json(OUT)))
        return 0
    groups: dict[str, Callable[[], list[Figure]]] = {
        "api": lambda: api.figures(
            api.Effort(rounds=words.rounds, seconds=words.seconds, parts=_parts(words, "api"))
        ),
        "durability": lambda: durability.figures(
            durability.Effort(
                rounds=words.rounds,
                seconds=words.seconds,
                fleet_seconds=words.fleet_seconds,
                sizes=words.sizes,
                parts=_parts(words, "durability"),
            )
        ),
        "engine": lambda: engine.figures(
            [TINY if words.tiny else FULL],
            EngineEffort(
                rounds=1 if words.tiny else words.rounds,
                minutes=words.minutes,
                parts=_parts(words, "engine"),
                backends=engine.backends() if words.backends is None else words.backends,
            ),
        ),
    }
    chosen = [words.only] if words.only else list(groups)
    figures = [figure for group in chosen for figure in groups[group]()]
    write_json(figures, OUT)
    print(table(figures))
    missed = [figure.name for figure in figures if figure.met is False]
    print(f"\n{OUT} written; {len(missed)} goals missed", *missed, sep="\n  ")
    return 0


def _parts(words: argparse.Namespace, group: str) -> list[str]:
    """All parts of *group*, or those that were named."""
    named: Sequence[str] = words.parts or PARTS[group]
    return [part for part in named if part in _all_parts(group)]


def _all_parts(group: str) -> tuple[str, ...]:
    return (*PARTS[group], *(EXTRA if group == "api" else ()))


def words_of(line: Sequence[str]) -> argparse.Namespace:
    """Read the words of the command line; exits with 2 if they make no sense."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--only", choices=tuple(PARTS), help="run this group alone")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of all servers")
    parser.add_argument("--seconds", type=float, default=3.0, help="length of each load")
    parser.add_argument(
        "--parts",
        nargs="+",
        choices=sorted({*EXTRA, *(part for parts in PARTS.values() for part in parts)}),
        help="parts of the groups; `picture` is `full` without the full-size weights",
    )
    parser.add_argument(
        "--fleet-seconds", type=float, default=30.0, help="how long the fleet is kept busy"
    )
    parser.add_argument(
        "--sizes",
        type=int,
        nargs="+",
        default=(1_000, 100_000, 1_000_000),
        help="of part rows: numbers of finished predictions, the smallest first",
    )
    parser.add_argument(
        "--tiny", action="store_true", help="group engine in a minute, on tiny weights"
    )
    parser.add_argument(
        "--minutes",
        type=float,
        default=1.0,
        help="of group engine: no round of a part begins after these; one is always run",
    )
    parser.add_argument(
        "--backends",
        nargs="*",
        choices=BACKENDS,
        help="of group engine, beside the eager one; OpenVINO if it is installed",
    )
    parser.add_argument(
        "--markdown", action="store_true", help=f"measure nothing; print {OUT} as a table"
    )
    words = parser.parse_args(line)
    if words.only:
        foreign = [part for part in words.parts or () if part not in _all_parts(words.only)]
        if foreign:
            parser.error(
                f"{', '.join(foreign)}: no part of {words.only}, "
                f"which has {', '.join(_all_parts(words.only))}"
            )
    return words


if __name__ == "__main__":
    sys.exit(main())
