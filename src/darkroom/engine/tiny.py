"""Pipelines with small random weights, made offline in under a second.

They take the very same way as real weights: written in the hub's layout, then loaded. The
arithmetic, schedules, tokenizers and files are real; the pictures are noise.
"""

import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import diffusers

from darkroom.domain.families import Family
from darkroom.engine.edge import Saveable, seeded
from darkroom.engine.tiny_flux import flux2_klein, flux_kontext
from darkroom.engine.tiny_stable_diffusion import stable_diffusion

RECIPE = 1  # raise it when a recipe changes, so that folders made before are not used
SEED = 20_250_730
_RECIPES: Mapping[Family, Callable[[], Saveable]] = {
    Family.STABLE_DIFFUSION: stable_diffusion,
    Family.FLUX_KONTEXT: flux_kontext,
    Family.FLUX2_KLEIN: flux2_klein,
}


def tiny_weights(family: Family, within: Path) -> Path:
    """Make the tiny pipeline of *family*, unless it is there; return its folder.

    Safe to call from several processes at once: the folder shows nothing or all of it.

    Args:
        family: which pipeline.
        within: made if missing; holds one folder per family, recipe and diffusers version.
    """
    folder = within / f"{family}-{RECIPE}-{diffusers.__version__}"
    return made_once(folder, lambda to: write_tiny(family, to))


def made_once(folder: Path, write: Callable[[Path], None]) -> Path:
    """Have *write* fill *folder*, unless it is there; it shows nothing or all of it. Returns it."""
    if folder.exists():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".making-") as made:
        write(Path(made) / "weights")
        _publish(Path(made) / "weights", folder)
    return folder


def write_tiny(family: Family, folder: Path) -> None:
    """Write the tiny pipeline of *family* into *folder*: the same weights every time."""
    with seeded(SEED):
        pipeline = _RECIPES[family]()
    pipeline.save_pretrained(str(folder))


def _publish(made: Path, folder: Path) -> None:
    try:
        os.rename(made, folder)
    except OSError:
        if not folder.exists():
            raise
        shutil.rmtree(made)  # another process was first; its weights are the same
