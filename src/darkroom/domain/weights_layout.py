"""What a folder or file of weights may hold, in the layout of the hub and of diffusers.

Read twice: by the worker when weights arrive, and by the host before it loads them.
"""

from collections.abc import Iterable, Mapping, Sequence

from darkroom.domain.families import Family

INDEX = "model_index.json"
"""Names the parts of a pipeline: for each its library and class."""

CONFIG = "config.json"
"""Describes a model that is no pipeline."""

LIBRARIES = frozenset({"diffusers", "transformers", "stable_diffusion"})
"""Where classes of parts may come from."""

CODE_KEYS = frozenset({"auto_map", "custom_pipeline"})
"""Keys of a configuration that make libraries import code which came with the weights."""

PICKLED = frozenset({".bin", ".ckpt", ".pt", ".pth", ".pkl", ".pickle"})
"""Suffixes of files that can run code when they are read."""

_HELD: Mapping[Family, Mapping[str, Sequence[str]]] = {
    Family.STABLE_DIFFUSION: {
        "unet": ("model.diffusion_model.input_blocks.",),
        "vae": ("first_stage_model.",),
        "text_encoder": ("cond_stage_model.",),
    },
    Family.FLUX_KONTEXT: {
        "transformer": ("vector_in.", "model.diffusion_model.vector_in.", "time_text_embed.")
    },
    Family.FLUX2_KLEIN: {"transformer": ("double_stream_modulation_img.",)},
}
"""Parts that a single file can hold, and how names of tensors begin that no other family has.

Source: github.com/CompVis/stable-diffusion, github.com/black-forest-labs/flux and flux2, whose
modules give the names; `time_text_embed` is diffusers' own.
"""

DENOISER: Mapping[Family, str] = {
    Family.STABLE_DIFFUSION: "unet",
    Family.FLUX_KONTEXT: "transformer",
    Family.FLUX2_KLEIN: "transformer",
}
"""The part that every single file holds."""


def parts_held(family: Family, names: Iterable[str]) -> Sequence[str]:
    """Which parts of a pipeline a single file holds, by name; empty if it is of another family.

    Args:
        family: of the pipeline.
        names: of the file's tensors.

    >>> parts_held(Family.FLUX_KONTEXT, ["vector_in.in_layer.weight", "img_in.bias"])
    ['transformer']
    >>> parts_held(Family.STABLE_DIFFUSION, ["vector_in.in_layer.weight"])
    []
    """
    known, names = _HELD[family], list(names)
    held = [
        part
        for part, starts in known.items()
        if any(name.startswith(tuple(starts)) for name in names)
    ]
    return sorted(held) if DENOISER[family] in held else []


def parts_usually_held(family: Family) -> Sequence[str]:
    """What a single file of *family* holds as a rule, for one that cannot be looked into yet."""
    return sorted(_HELD[family])
