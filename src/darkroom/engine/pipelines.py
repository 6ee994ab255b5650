"""Files of weights to a pipeline on a device: a folder, a single file over it, adapters on top."""

from collections.abc import Mapping
from pathlib import Path
from typing import cast

from diffusers.pipelines.flux.pipeline_flux_kontext import FluxKontextPipeline
from diffusers.pipelines.flux2.pipeline_flux2_klein import Flux2KleinPipeline
from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion_img2img import (
    StableDiffusionImg2ImgPipeline,
)
from safetensors import SafetensorError

from darkroom.domain.errors import WeightsUnavailable
from darkroom.domain.families import Family
from darkroom.domain.weights_address import BASE, WEIGHTS
from darkroom.engine.adapters import apply_loras
from darkroom.engine.device import Device, lacks_memory
from darkroom.engine.edge import Pipeline, PipelineKind
from darkroom.engine.folders import check_folder
from darkroom.engine.single_file import single_file_parts
from darkroom.engine.sources import Sources
from darkroom.engine.whole import whole_parts

_KINDS: Mapping[Family, object] = {
    Family.STABLE_DIFFUSION: StableDiffusionImg2ImgPipeline,
    Family.FLUX_KONTEXT: FluxKontextPipeline,
    Family.FLUX2_KLEIN: Flux2KleinPipeline,
}


def load_pipeline(family: Family, sources: Sources, device: Device) -> Pipeline:
    """Load *sources* onto *device*; nothing is fetched, no code of theirs runs.

    Raises:
        WeightsUnavailable: they are not there, not whole, not what we take, or too large.
    """
    classes = check_folder(family, sources.folder, BASE if sources.single_file else WEIGHTS)
    try:
        pipeline = _load(family, sources, classes, device)
    except (
        AttributeError,
        ImportError,
        LookupError,
        MemoryError,
        OSError,
        RuntimeError,
        SafetensorError,
        TypeError,
        ValueError,
    ) as error:
        raise WeightsUnavailable(_why(sources.single_file or sources.folder, error)) from error
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def _why(place: Path, error: Exception) -> str:
    if lacks_memory(error):
        return (
            f"The device is out of memory: the weights in {place} do not fit ({error}). Choose "
            "smaller weights, or a larger device."
        )
    return (
        f"The weights in {place} do not load ({type(error).__name__}: {error}). Copy or download "
        "them once more, or choose other weights."
    )


def _load(family: Family, sources: Sources, classes: Mapping[str, str], device: Device) -> Pipeline:
    parts: Mapping[str, object] = {}
    if sources.single_file is not None:
        file, base = sources.single_file, sources.folder
        parts = single_file_parts(family, file, base, device.dtype)
    rest = {name: kind for name, kind in classes.items() if name not in parts}
    parts = {**parts, **whole_parts(sources.folder, rest, device.dtype)}
    pipeline = cast("PipelineKind", _KINDS[family]).from_pretrained(
        str(sources.folder),
        local_files_only=True,
        use_safetensors=True,
        dtype=device.dtype,
        **parts,
    )
    pipeline.to(device.torch_device)  # where adapters are added faster
    apply_loras(family, pipeline, sources.loras)
    return pipeline
