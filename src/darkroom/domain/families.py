"""Families of pipelines, and whose inputs each can serve."""

from collections.abc import Mapping, Sequence
from enum import StrEnum


class Family(StrEnum):
    """A kind of pipeline: which parts a folder of weights holds and how they work together."""

    STABLE_DIFFUSION = "stable-diffusion"  # 1.x and 2.x, a picture repainted by a prompt
    FLUX_KONTEXT = "flux-kontext"  # FLUX.1 Kontext, at most one reference picture
    FLUX2_KLEIN = "flux2-klein"  # FLUX.2 klein, distilled, several reference pictures


class Schema(StrEnum):
    """Which hosted model's inputs are understood."""

    SD_IMG2IMG = "sd-img2img"  # stability-ai/stable-diffusion-img2img
    MULTI_IMAGE_KONTEXT = "multi-image-kontext"  # flux-kontext-apps/multi-image-kontext-pro
    KONTEXT_DEV = "kontext-dev"  # black-forest-labs/flux-kontext-dev


SERVED: Mapping[Family, Sequence[Schema]] = {
    Family.STABLE_DIFFUSION: (Schema.SD_IMG2IMG,),
    Family.FLUX_KONTEXT: (Schema.KONTEXT_DEV,),
    Family.FLUX2_KLEIN: (Schema.MULTI_IMAGE_KONTEXT, Schema.KONTEXT_DEV),
}
"""The schemas each family can serve; a model that names none gets the first."""


def fitting(schema: Schema) -> Sequence[Family]:
    """The families that can serve *schema*, by name."""
    return sorted(family for family, schemas in SERVED.items() if schema in schemas)
