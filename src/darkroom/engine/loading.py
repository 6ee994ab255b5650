"""Folders of weights to engines."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import cast

from diffusers.pipelines.flux.pipeline_flux_kontext import FluxKontextPipeline
from diffusers.pipelines.flux2.pipeline_flux2_klein import Flux2KleinPipeline
from safetensors import SafetensorError

from darkroom.domain.errors import WeightsUnavailable
from darkroom.domain.families import Family
from darkroom.engine.device import Device
from darkroom.engine.edge import Pipeline, PipelineKind, quieten
from darkroom.engine.flux2_klein import Flux2Klein
from darkroom.engine.flux_kontext import FluxKontext
from darkroom.engine.folders import check_folder
from darkroom.engine.interface import Engine
from darkroom.engine.stable_diffusion import Img2ImgPipeline, StableDiffusion
from darkroom.engine.stock import FamilyPipeline, StockEngine

_KINDS: Mapping[Family, tuple[object, Callable[[Pipeline, Device], FamilyPipeline]]] = {
    Family.STABLE_DIFFUSION: (Img2ImgPipeline, StableDiffusion),
    Family.FLUX_KONTEXT: (FluxKontextPipeline, FluxKontext),
    Family.FLUX2_KLEIN: (Flux2KleinPipeline, Flux2Klein),
}


def load_engine(family: Family, folder: Path, device: Device) -> Engine:
    """Load the weights in *folder* onto *device*; nothing is fetched, no code of theirs runs.

    Raises:
        WeightsUnavailable: they are not there, not whole, not what we take, or too large.
    """
    check_folder(family, folder)
    quieten()
    pipeline_class, driven = _KINDS[family]
    try:
        pipeline = _load(pipeline_class, folder, device)
    except (
        AttributeError,
        ImportError,
        LookupError,
        OSError,
        RuntimeError,
        SafetensorError,
        TypeError,
        ValueError,
    ) as error:
        raise WeightsUnavailable(
            f"The weights in {folder} do not load ({type(error).__name__}: {error}). "
            "Copy or download them once more, or choose other weights."
        ) from error
    return StockEngine(driven(pipeline, device))


def _load(pipeline_class: object, folder: Path, device: Device) -> Pipeline:
    pipeline = cast("PipelineKind", pipeline_class).from_pretrained(
        str(folder), local_files_only=True, use_safetensors=True, dtype=device.dtype
    )
    pipeline.to(device.torch_device)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline
