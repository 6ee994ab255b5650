"""What a folder or file of weights may hold, in the layout of the hub and of diffusers.

Read twice: by the worker when weights arrive, and by the host before it loads them.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from darkroom.domain.families import Family
from darkroom.domain.model import Json

INDEX = "model_index.json"
"""Names the parts of a pipeline: for each its library and class."""

CLASS = "_class_name"
"""The key of that file which names the pipeline itself."""

PIPELINES: Mapping[Family, frozenset[str]] = {
    Family.STABLE_DIFFUSION: frozenset(
        {"StableDiffusionPipeline", "StableDiffusionImg2ImgPipeline"}
    ),
    Family.FLUX_KONTEXT: frozenset({"FluxKontextPipeline"}),
    Family.FLUX2_KLEIN: frozenset({"Flux2KleinPipeline"}),
}
"""What it may name, for each family."""

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


def folder_misfit(folder: Path, index: Json, family: Family, key: str) -> str | None:
    """What to say of a folder that holds another pipeline than its entry says; None if it is one.

    Args:
        folder: for the sentence; not looked at.
        index: what its `model_index.json` holds.
        family: of the entry.
        key: of the entry, under which the folder stands.
    """
    told = index.get(CLASS) if isinstance(index, Mapping) else None
    named = told if isinstance(told, str) else ""
    if named in PIPELINES[family]:
        return None
    held = f"{folder} holds {f'a {named[:100]}' if named else 'no pipeline'}"
    for other, names in PIPELINES.items():
        if named in names:
            return _misfit(held, other, family, key)
    takes = " or a ".join(sorted(PIPELINES[family]))
    return f"{held}, and the family {family} takes a {takes}; correct `{key}` in darkroom.yaml"


def file_misfit(file: Path, names: Iterable[str], family: Family) -> str:
    """What to say of a single file that holds no denoiser of its entry's family.

    Args:
        file: for the sentence; not looked at.
        names: of its tensors.
        family: of the entry.
    """
    names = list(names)
    for other in Family:
        if parts_held(other, names):
            return _misfit(f"{file} holds a denoiser", other, family, "weights")
    return (
        f"{file} holds no denoiser of the family {family} in its published layout; correct `family`"
        " or `weights` in darkroom.yaml"
    )


def _misfit(held: str, other: Family, family: Family, key: str) -> str:
    return (
        f"{held}, which is of the family {other}, and its entry says {family}; write"
        f" `family: {other}` in darkroom.yaml, or correct `{key}` there"
    )


def parts_usually_held(family: Family) -> Sequence[str]:
    """What a single file of *family* holds as a rule, for one that cannot be looked into yet."""
    return sorted(_HELD[family])
