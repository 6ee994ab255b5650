"""`python -m bench`: runs the groups, prints a table and writes build/bench.json."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from bench import api
from bench.figures import Figure, markdown, read_json, table, write_json

OUT = Path("build/bench.json")
PARTS = ("start", "echo", "hooks", "streams", "upload", "full")


def main() -> int:
    words = _words()
    if words.markdown:
        print(markdown(read_json(OUT)))
        return 0
    effort = api.Effort(rounds=words.rounds, seconds=words.seconds, parts=words.parts)
    groups: dict[str, Callable[[], list[Figure]]] = {"api": lambda: api.figures(effort)}
    chosen = [words.only] if words.only else list(groups)
    figures = [figure for group in chosen for figure in groups[group]()]
    write_json(figures, OUT)
    print(table(figures))
    missed = [figure.name for figure in figures if figure.met is False]
    print(f"\n{OUT} written; {len(missed)} goals missed", *missed, sep="\n  ")
    return 0


def _words() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--only", choices=("api",), help="run this group alone")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of all servers")
    parser.add_argument("--seconds", type=float, default=3.0, help="length of each load")
    parser.add_argument(
        "--parts",
        nargs="+",
        default=PARTS,
        choices=(*PARTS, "picture"),
        help="parts of group api; `picture` is `full` without the full-size weights",
    )
    parser.add_argument(
        "--markdown", action="store_true", help=f"measure nothing; print {OUT} as a table"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
