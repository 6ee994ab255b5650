"""What both makers give their pipelines, so that they do the same work."""

from collections.abc import Mapping
from random import Random

from PIL import Image

from bench.engine.asked import Wanted
from darkroom.domain.families import Family

PROMPT = "a lighthouse at dusk"
GUIDANCE: Mapping[Family, float] = {
    Family.STABLE_DIFFUSION: 7.5,
    Family.FLUX_KONTEXT: 2.5,
    Family.FLUX2_KLEIN: 1.0,
}


def reference(wanted: Wanted) -> Image.Image:
    """The picture that goes in: noise of its own for each seed, of the size that comes out."""
    size = (wanted.side, wanted.side)
    return Image.frombytes("RGB", size, Random(wanted.seed).randbytes(3 * size[0] * size[1]))
