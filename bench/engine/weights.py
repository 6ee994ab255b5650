"""Weights without a download: `python -m bench.engine.weights WORD` prints their folder.

They are made in build/weights unless they are there; all values are random.
"""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from bench import full_size
from bench.engine.flux_sized import flux2_klein, flux_kontext
from darkroom.domain.families import Family
from darkroom.engine.edge import quieten
from darkroom.engine.tiny import tiny_weights

_WITHIN = full_size.FOLDER.parent
_RECIPES: Mapping[str, Callable[[], Path]] = {
    "sd15": full_size.provide,
    "kontext": lambda: full_size.published(_WITHIN / "kontext-random", flux_kontext),
    "klein": lambda: full_size.published(_WITHIN / "klein-random", flux2_klein),
    "tiny": lambda: tiny_weights(Family.STABLE_DIFFUSION, _WITHIN),
    "tiny-kontext": lambda: tiny_weights(Family.FLUX_KONTEXT, _WITHIN),
    "tiny-klein": lambda: tiny_weights(Family.FLUX2_KLEIN, _WITHIN),
}


if __name__ == "__main__":
    quieten()
    print(_RECIPES[sys.argv[1]]().absolute())
