"""`python -m bench.engine.gpu`: the group's table on a CUDA device, into build/bench-gpu.json."""

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.engine import group
from bench.engine.case import COMPILE, Case, Effort
from bench.figures import table, write_json

OUT = Path("build/bench-gpu.json")
_ASK = (
    "import torch; found = torch.cuda.is_available(); "
    "print(torch.__version__, torch.cuda.get_device_name() if found else '', sep='\\n')"
)


def _case(name: str, family: str, weights: str, side: int, steps: int) -> Case:
    return Case(
        name=f"{name}, {side} px",
        weights=weights,
        family=family,
        side=side,
        steps=steps,
        device="cuda",
        dtype="bfloat16",
        levels=None,  # bfloat16 rounds otherwise in every size of batch
    )


CASES = {
    "sd-256": _case("SD 1.5", "stable-diffusion", "sd15", 256, 20),
    "sd-512": _case("SD 1.5", "stable-diffusion", "sd15", 512, 20),
    "kontext": _case("FLUX.1 Kontext, 2 + 4 blocks", "flux-kontext", "kontext", 512, 20),
    "klein": _case("FLUX.2 klein, 2 + 8 blocks", "flux2-klein", "klein", 512, 4),
}


def main() -> None:
    words = words_of(sys.argv[1:])
    device = _device()
    print(f"engine: on {device}, bfloat16", flush=True)
    effort = Effort(
        rounds=words.rounds,
        minutes=words.minutes,
        parts=words.parts,
        backends=(COMPILE,) if words.compile else (),
    )
    figures = group.figures([CASES[name] for name in words.cases], effort)
    write_json(figures, OUT)
    print(table(figures), f"\n{OUT} written; on {device}", sep="\n")


def words_of(line: Sequence[str]) -> argparse.Namespace:
    """Read the words of the command line; exits with 2 if they make no sense."""
    parser = argparse.ArgumentParser(prog="python -m bench.engine.gpu", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="rounds of all makers")
    parser.add_argument("--minutes", type=float, default=1.0, help="for each part of each case")
    parser.add_argument("--parts", nargs="+", choices=group.PARTS, default=group.PARTS)
    parser.add_argument("--cases", nargs="+", choices=tuple(CASES), default=tuple(CASES))
    parser.add_argument(
        "--compile", action="store_true", help="set torch.compile beside it; warming takes minutes"
    )
    return parser.parse_args(line)


def no_device(torch: str) -> str:
    """What is told where torch sees no card."""
    return (
        f"torch {torch} sees no CUDA device, so there is nothing to measure. On a machine with a "
        "card, see that its driver works and that .venv holds a CUDA build of torch: which build "
        "`make install` gets is up to the package index. On a CPU: make bench ONLY=engine"
    )


def _device() -> str:
    """Its name, from a child: torch stays out of the process that measures."""
    done = subprocess.run((sys.executable, "-c", _ASK), check=True, capture_output=True, text=True)
    torch, name = done.stdout.splitlines()
    if not name:
        raise SystemExit(no_device(torch))
    return name


if __name__ == "__main__":
    main()
