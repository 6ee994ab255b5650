"""LoRA adapters, fused into the weights of a pipeline: it runs as fast as without them."""

import re
from collections.abc import Mapping, Sequence
from typing import Protocol, cast

from safetensors import SafetensorError
from torch.nn import Module

from darkroom.domain.errors import WeightsUnavailable
from darkroom.domain.families import Family
from darkroom.engine.edge import Pipeline
from darkroom.engine.sources import Adapter

_NAME = "lora"  # fused and unloaded, each makes room for the next
_PARTS = ("unet", "transformer", "text_encoder")
_FACTOR = re.compile(r"[._](?:lora|lokr)")
"""Where the name of a layer ends and that of its factors begins, in every spelling."""


class _Adaptable(Protocol):
    def lora_state_dict(self, folder: str, **settings: object) -> object: ...

    def load_lora_weights(self, folder: str, **settings: object) -> object: ...

    def set_adapters(
        self, adapter_names: Sequence[str], adapter_weights: Sequence[float]
    ) -> object: ...

    def fuse_lora(self, *, adapter_names: Sequence[str], safe_fusing: bool) -> object: ...

    def unload_lora_weights(self) -> object: ...


def apply_loras(family: Family, pipeline: Pipeline, loras: Sequence[Adapter]) -> None:
    """Fuse *loras* into *pipeline*, each by its scale; they cannot be taken off again.

    Raises:
        WeightsUnavailable: one is not there, not whole, or not for these weights.
    """
    for lora in loras:
        _apply(family, cast("_Adaptable", pipeline), lora)


def _apply(family: Family, pipeline: _Adaptable, lora: Adapter) -> None:
    if not lora.file.is_file():
        raise WeightsUnavailable(f"There is no file {lora.file}. Correct `loras` in darkroom.yaml.")
    try:
        _load(pipeline, lora)
        pipeline.set_adapters([_NAME], [lora.scale])
        pipeline.fuse_lora(adapter_names=[_NAME], safe_fusing=True)
        pipeline.unload_lora_weights()
    except (
        AttributeError,
        LookupError,
        OSError,
        RuntimeError,
        SafetensorError,
        TypeError,
        ValueError,
    ) as error:
        why = f"{type(error).__name__}: {error}"
        raise WeightsUnavailable(
            f"The LoRA {lora.file} does not fit these weights of the family {family} "
            f"({why[:300]}). Choose one that was made for them, or remove it from `loras` in "
            "darkroom.yaml."
        ) from error


def _load(pipeline: _Adaptable, lora: Adapter) -> None:
    """Put it on, whole: diffusers itself leaves out layers that it does not find.

    Raises:
        ValueError: a layer has found no place; other errors of diffusers, peft and torch.
    """
    place: Mapping[str, object] = {
        "weight_name": lora.file.name,
        "use_safetensors": True,
        "local_files_only": True,
    }
    folder = str(lora.file.parent)
    told = pipeline.lora_state_dict(folder, **place)
    named = cast("Mapping[str, object]", told[0] if isinstance(told, tuple) else told)
    wanted = {_FACTOR.split(name)[0] for name in named if _FACTOR.search(name)}
    pipeline.load_lora_weights(folder, adapter_name=_NAME, **place)
    found = _layers(pipeline)
    if found < max(len(wanted), 1):
        raise ValueError(f"of its {len(wanted)} layers {found} are in this model")


def _layers(pipeline: _Adaptable) -> int:
    """How many layers wear an adapter."""
    parts = [getattr(pipeline, name, None) for name in _PARTS]
    modules = [one for part in parts if isinstance(part, Module) for one in part.modules()]
    return sum(hasattr(one, "base_layer") for one in modules)
