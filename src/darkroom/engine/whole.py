"""Models of transformers, and what they lack: transformers itself makes that up at random."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Protocol, cast

import torch
from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
from transformers import CLIPTextModel, Qwen3ForCausalLM, T5EncoderModel

from darkroom.domain.errors import WeightsUnavailable

_KINDS: Mapping[str, object] = {
    "CLIPTextModel": CLIPTextModel,
    "Qwen3ForCausalLM": Qwen3ForCausalLM,
    "StableDiffusionSafetyChecker": StableDiffusionSafetyChecker,
    "T5EncoderModel": T5EncoderModel,
}
_UNUSED = "lm_head."  # of a text encoder the hidden states alone are taken


class _Kind(Protocol):
    """A class of models."""

    def from_pretrained(
        self,
        folder: str,
        *,
        local_files_only: bool,
        use_safetensors: bool,
        dtype: torch.dtype,
        output_loading_info: bool,
    ) -> tuple[object, Mapping[str, Collection[str]]]: ...


def load_model(kind: object, folder: Path, dtype: torch.dtype) -> tuple[object, Sequence[str]]:
    """Load a model onto the CPU; nothing is fetched, no code of it runs.

    Returns:
        The model, and the names of the tensors that were not there and are random now.
    """
    model, told = cast("_Kind", kind).from_pretrained(
        str(folder),
        local_files_only=True,
        use_safetensors=True,
        dtype=dtype,
        output_loading_info=True,
    )
    return model, sorted(told["missing_keys"])


def whole_parts(
    folder: Path, classes: Mapping[str, str], dtype: torch.dtype
) -> Mapping[str, object]:
    """Load those parts of a pipeline that are models of transformers, by name.

    Args:
        folder: of the pipeline.
        classes: of its parts, by name.
        dtype: of the models.

    Raises:
        WeightsUnavailable: one lacks tensors. diffusers itself refuses such parts of its own.
    """
    return {
        name: _whole(_KINDS[kind], folder / name, dtype)
        for name, kind in classes.items()
        if kind in _KINDS
    }


def _whole(kind: object, folder: Path, dtype: torch.dtype) -> object:
    model, told = load_model(kind, folder, dtype)
    if missing := [name for name in told if not name.startswith(_UNUSED)]:
        raise WeightsUnavailable(
            f"{folder} lacks {len(missing)} of its tensors, {missing[0]} for one. Copy or download "
            "the weights once more."
        )
    return model
