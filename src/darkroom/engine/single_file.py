"""Parts of a pipeline out of one .safetensors file, in the layout they were published in."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol, cast

import torch
from diffusers.loaders.single_file_utils import (
    create_diffusers_clip_model_from_ldm,  # pyright: ignore[reportUnknownVariableType]  # theirs
)
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.transformers.transformer_flux import FluxTransformer2DModel
from diffusers.models.transformers.transformer_flux2 import Flux2Transformer2DModel
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from safetensors import safe_open
from torch import Tensor
from transformers import CLIPTextModel

from darkroom.domain.errors import WeightsUnavailable
from darkroom.domain.families import Family
from darkroom.domain.weights_layout import file_misfit, parts_held

_KINDS: Mapping[Family, Mapping[str, object]] = {
    Family.STABLE_DIFFUSION: {"unet": UNet2DConditionModel, "vae": AutoencoderKL},
    Family.FLUX_KONTEXT: {"transformer": FluxTransformer2DModel},
    Family.FLUX2_KLEIN: {"transformer": Flux2Transformer2DModel},
}
_TEXT = "text_encoder"  # a class of transformers, whose checkpoints diffusers reads for it


class _FromFile(Protocol):
    def from_single_file(self, file: str, **settings: object) -> object: ...


class _Opened(Protocol):
    def keys(self) -> Sequence[str]: ...

    def get_tensor(self, name: str) -> Tensor: ...


def single_file_parts(
    family: Family, file: Path, base: Path, dtype: torch.dtype
) -> Mapping[str, object]:
    """Load every part that *file* holds, by its name in the pipeline, onto the CPU.

    Args:
        family: of the pipeline.
        file: a Stable Diffusion checkpoint as it was trained, or the transformer of a FLUX.
        base: a folder with the configurations of these parts.
        dtype: of the parts.

    Raises:
        WeightsUnavailable: the file is not there, or of another family. Where its tensors do not
            fit *base*, diffusers and torch raise as they do for a folder.
    """
    held = _held(family, file)
    parts = {
        name: cast("_FromFile", kind).from_single_file(
            str(file), config=str(base), subfolder=name, local_files_only=True, dtype=dtype
        )
        for name, kind in _KINDS[family].items()
        if name in held
    }
    return {**parts, _TEXT: _text_encoder(file, base, dtype)} if _TEXT in held else parts


def _held(family: Family, file: Path) -> Sequence[str]:
    if not file.is_file():
        raise WeightsUnavailable(f"There is no file {file}. Correct `weights` in darkroom.yaml.")
    with _opened(file) as tensors:
        names = tensors.keys()
    held = parts_held(family, names)
    if not held:
        raise WeightsUnavailable(file_misfit(file, names, family))
    return held


def _text_encoder(file: Path, base: Path, dtype: torch.dtype) -> object:
    make = cast("Callable[..., object]", create_diffusers_clip_model_from_ldm)
    with _opened(file) as tensors:
        names = tensors.keys()  # it is no mapping
        held = {name: tensors.get_tensor(name) for name in names if _is_text(name)}
    return make(
        CLIPTextModel,
        checkpoint=held,
        config=str(base),
        subfolder=_TEXT,
        local_files_only=True,
        torch_dtype=dtype,
    )


def _opened(file: Path) -> AbstractContextManager[_Opened]:
    return cast("Callable[..., AbstractContextManager[_Opened]]", safe_open)(file, framework="pt")


def _is_text(name: str) -> bool:
    return name.startswith("cond_stage_model.")
