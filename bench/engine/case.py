"""What is measured with which weights, and how much effort that gets. No torch."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.engine.asked import Setup, Wanted

STOCK, EAGER, OPENVINO, COMPILE = "stock", "eager", "openvino", "compile"
BACKENDS = (EAGER, OPENVINO, COMPILE)
"""Of the engine, spelled as its setting spells them; all others are held against the first."""

LONG_STEPS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One set of weights at one size.

    Args:
        name: stands before the names of all its figures.
        weights: a word that `bench.engine.weights` knows.
        side: of every picture, in pixels.
        steps: of an ordinary order.
        levels: by how much a channel of a pixel may differ from the stock pipeline's, of 255;
            None only reports it.
    """

    name: str
    weights: str
    family: str
    side: int
    steps: int
    device: str
    dtype: str
    levels: int | None
    alone: bool = False

    def orders(self, count: int) -> list[Wanted]:
        """Ordinary ones, which differ in seed and reference."""
        return [Wanted(seed=seed, side=self.side, steps=self.steps) for seed in range(count)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How long to measure, and what.

    Args:
        rounds: of each part, at most.
        minutes: after these, no further round of a part begins; one is always run.
        parts: of the group.
        backends: that `pace` sets beside the eager one, which is always there.
    """

    rounds: int
    minutes: float
    parts: Sequence[str]
    backends: Sequence[str]


def rounds(effort: Effort) -> Iterator[int]:
    """Count the rounds of a part from 0, for as long as a further one may begin."""
    until = time.perf_counter() + 60 * effort.minutes
    for number in range(effort.rounds):
        if number and time.perf_counter() > until:
            print(f"engine: no time for more than {number} rounds", flush=True)
            return
        yield number


FULL = Case(
    name="SD 1.5, 256 px",
    weights="sd15",
    family="stable-diffusion",
    side=256,
    steps=20,
    device="cpu",
    dtype="float32",
    levels=1,
)
TINY = Case(
    name="tiny",
    weights="tiny",
    family="stable-diffusion",
    side=64,
    steps=20,
    device="cpu",
    dtype="float32",
    levels=1,
    alone=True,
)


def setup_of(case: Case, maker: str, folder: Path) -> Setup:
    """How a child of this case is started."""
    return Setup(
        maker=maker,
        family=case.family,
        folder=str(folder),
        device=case.device,
        dtype=case.dtype,
        alone=case.alone,
    )


def provided(case: Case) -> Path:
    """The folder of the weights, made by a child if it is not there."""
    print(f"engine: weights for {case.name} …", flush=True)
    command = (sys.executable, "-m", "bench.engine.weights", case.weights)
    quiet = {**os.environ, "TRANSFORMERS_VERBOSITY": "error"}
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=quiet)
    return Path(done.stdout.splitlines()[-1])
