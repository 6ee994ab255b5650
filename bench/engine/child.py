"""The child that holds the weights: `python -m bench.engine.child SETUP`, SETUP in JSON.

Its first line is a `Loaded`. Each line it is then given is a list of `Wanted`, answered by a
line with a `Made`. It ends with its standard input.
"""

import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import cast

import msgspec

from bench.engine.asked import Loaded, Made, Maker, Setup, Wanted
from bench.engine.case import STOCK
from bench.engine.served import EngineMaker
from bench.engine.stock import StockMaker
from darkroom.engine.edge import quieten

_MB = 1e6


def main() -> None:
    # Libraries may print; only answers belong on the standard output.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb", buffering=0)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    quieten()
    setup = msgspec.json.decode(sys.argv[1], type=Setup)
    maker, loaded = _loaded(setup)
    _answer(answers.write, loaded)
    for line in sys.stdin.buffer:
        orders = msgspec.json.decode(line, type=tuple[Wanted, ...])
        _answer(answers.write, maker.make(orders))


def _loaded(setup: Setup) -> tuple[Maker, Loaded]:
    kind = StockMaker if setup.maker == STOCK else EngineMaker
    before, began = _read_bytes(), time.perf_counter()
    maker = kind(setup)
    seconds = time.perf_counter() - began
    return maker, Loaded(seconds=seconds, read_mb=(_read_bytes() - before) / _MB)


def _read_bytes() -> int:
    """What this process has had fetched from disks; 0 where the kernel does not tell."""
    try:
        lines = Path("/proc/self/io").read_text().splitlines()
    except OSError:
        return 0
    told: Mapping[str, str] = dict(cast("tuple[str, str]", line.split(": ")) for line in lines)
    return int(told.get("read_bytes", "0"))


def _answer(write: Callable[[bytes], object], answer: Loaded | Made) -> None:
    write(msgspec.json.encode(answer) + b"\n")


if __name__ == "__main__":
    main()
