"""LoRA adapters, fused into the weights of a pipeline: it runs as fast as without them."""

from collections.abc import Mapping, Sequence
from typing import Protocol, cast

from safetensors import SafetensorError

from darkroom.domain.errors import WeightsUnavailable
from darkroom.domain.families import Family
from darkroom.engine.edge import Pipeline
from darkroom.engine.sources import Adapter


class _Adaptable(Protocol):
    def load_lora_weights(self, folder: str, **settings: object) -> object: ...

    def get_list_adapters(self) -> Mapping[str, Sequence[str]]: ...

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
    name = "lora"  # fused and unloaded, each makes room for the next
    if not lora.file.is_file():
        raise WeightsUnavailable(f"There is no file {lora.file}. Correct `loras` in darkroom.yaml.")
    try:
        pipeline.load_lora_weights(
            str(lora.file.parent),
            weight_name=lora.file.name,
            adapter_name=name,
            use_safetensors=True,
            local_files_only=True,
        )
        if not any(name in names for names in pipeline.get_list_adapters().values()):
            raise WeightsUnavailable(_unfit(family, lora, "nothing in it is for these weights"))
        pipeline.set_adapters([name], [lora.scale])
        pipeline.fuse_lora(adapter_names=[name], safe_fusing=True)
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
        raise WeightsUnavailable(
            _unfit(family, lora, f"{type(error).__name__}: {error}")
        ) from error


def _unfit(family: Family, lora: Adapter, why: str) -> str:
    return (
        f"The LoRA {lora.file} does not fit these weights of the family {family} ({why[:300]}). "
        "Choose one that was made for them, or remove it from `loras` in darkroom.yaml."
    )
