"""Load time with the files in the page cache and without, and peak memory: a child for each."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace

from bench.engine.case import EAGER, STOCK, Case, Effort, rounds, setup_of
from bench.engine.hired import hired
from bench.figures import Figure, middle, plain, ratio_at_most

STEPS = 2
MAKERS = (STOCK, EAGER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """One child that loaded the weights and made one picture.

    Args:
        read_mb: what came from the disk while it loaded.
        peak_mb: the most memory that it held, on the accelerator where there is one.
    """

    maker: str
    cold: bool
    seconds: float
    read_mb: float
    peak_mb: float


def loads(case: Case, folder: Path, effort: Effort) -> list[Load]:
    """Each maker cold and warm in turn, every second round in reverse."""
    plan = [(maker, cold) for cold in (True, False) for maker in MAKERS]
    done: list[Load] = []
    for number in rounds(effort):
        for maker, cold in plan if number % 2 == 0 else reversed(plan):
            done.append(_once(case, folder, maker, cold=cold))
            found = done[-1]
            print(
                f"engine: {case.name}: {maker} loaded {'cold' if cold else 'warm'} in "
                f"{found.seconds:.2f} s, {found.read_mb:.0f} MB from the disk",
                flush=True,
            )
    return done


def figures(case: Case, done: Sequence[Load]) -> list[Figure]:
    """Medians, of the peaks too: over all loads of a maker, warm or cold."""
    found: list[Figure] = []
    for cold, word in ((False, "warm"), (True, "cold")):
        own, stock = (_seconds(done, maker, cold=cold) for maker in (EAGER, STOCK))
        name = f"{case.name}, load, {word}: engine against stock"
        found.append(ratio_at_most(name, own, "s", baseline=stock, goal=None))
    read = middle(load.read_mb for load in done if load.cold)
    peaks = {
        maker: middle(load.peak_mb for load in done if load.maker == maker) for maker in MAKERS
    }
    name = f"{case.name}, 1 in flight: peak memory, engine against stock"
    return [
        *found,
        plain(f"{case.name}, load, cold: read from the disk", read, "MB"),
        ratio_at_most(name, peaks[EAGER], "MB", baseline=peaks[STOCK], goal=None),
    ]


def forget(files: Iterable[Path]) -> None:
    """Have the kernel drop the cached pages of *files*, as long as nobody maps them."""
    for file in files:
        handle = os.open(file, os.O_RDONLY)
        try:
            os.fsync(handle)  # only clean pages are dropped
            os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(handle)


def _once(case: Case, folder: Path, maker: str, *, cold: bool) -> Load:
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    if cold:
        forget(files)
    else:
        for file in files:
            _read(file)
    with hired(setup_of(case, maker, folder)) as child:
        loaded = child.loaded
        made = child.make([replace(case.orders(1)[0], steps=STEPS)])
        return Load(
            maker=maker,
            cold=cold,
            seconds=loaded.seconds,
            read_mb=loaded.read_mb,
            peak_mb=made.peak_mb,
        )


def _read(file: Path) -> None:
    with file.open("rb", buffering=0) as whole:
        while whole.read(1 << 24):
            pass


def _seconds(done: Iterable[Load], maker: str, *, cold: bool) -> float:
    return middle(load.seconds for load in done if load.maker == maker and load.cold is cold)
