"""Folders of weights to engines."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeAlias, cast

import torch
from diffusers.pipelines.flux.pipeline_flux_kontext import FluxKontextPipeline
from diffusers.pipelines.flux2.pipeline_flux2_klein import Flux2KleinPipeline
from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion_img2img import (
    StableDiffusionImg2ImgPipeline,
)
from safetensors import SafetensorError

from darkroom.domain.errors import WeightsUnavailable
from darkroom.domain.families import Family
from darkroom.engine.backends.interface import Backend
from darkroom.engine.device import Device
from darkroom.engine.edge import Pipeline, PipelineKind, quieten
from darkroom.engine.flux2_klein import Flux2Klein
from darkroom.engine.flux_kontext import FluxKontext
from darkroom.engine.folders import check_folder
from darkroom.engine.stable_diffusion import StableDiffusion
from darkroom.engine.stepping import FamilyParts, StepEngine

_Driven: TypeAlias = Callable[[Pipeline, Device, Backend], FamilyParts]

_KINDS: Mapping[Family, tuple[object, _Driven]] = {
    Family.STABLE_DIFFUSION: (StableDiffusionImg2ImgPipeline, StableDiffusion),
    Family.FLUX_KONTEXT: (FluxKontextPipeline, FluxKontext),
    Family.FLUX2_KLEIN: (Flux2KleinPipeline, Flux2Klein),
}


def load_engine(
    family: Family,
    folder: Path,
    device: Device,
    backend: Backend,
    *,
    threads: int | None = None,
) -> StepEngine:
    """An engine over the weights in *folder*; see `load_parts`.

    Args:
        family: of the pipeline.
        folder: see `check_folder`.
        device: where the weights are put.
        backend: computes them.
        threads: how many compute on a CPU; None leaves that to torch.

    Raises:
        WeightsUnavailable: they are not there, not whole, not what we take, or too large.
    """
    parts, weights_bytes = load_parts(family, folder, device, backend)
    return StepEngine(parts, weights_bytes=weights_bytes, threads=threads)


def load_parts(
    family: Family, folder: Path, device: Device, backend: Backend
) -> tuple[FamilyParts, int]:
    """Load the weights in *folder*, and count their bytes.

    Nothing is fetched, no code of theirs runs.

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
    return driven(pipeline, device, backend), _bytes(pipeline)


def _load(pipeline_class: object, folder: Path, device: Device) -> Pipeline:
    pipeline = cast("PipelineKind", pipeline_class).from_pretrained(
        str(folder), local_files_only=True, use_safetensors=True, dtype=device.dtype
    )
    pipeline.to(device.torch_device)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def _bytes(pipeline: Pipeline) -> int:
    """What all parts of *pipeline* occupy."""
    modules = [one for one in pipeline.components.values() if isinstance(one, torch.nn.Module)]
    tensors = [tensor for one in modules for tensor in (*one.parameters(), *one.buffers())]
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)
