"""Weights to engines."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeAlias

import torch

from darkroom.domain.families import Family
from darkroom.engine.backends.interface import Backend
from darkroom.engine.device import Device
from darkroom.engine.edge import Pipeline
from darkroom.engine.flux2_klein import Flux2Klein
from darkroom.engine.flux_kontext import FluxKontext
from darkroom.engine.meters import bytes_of
from darkroom.engine.pipelines import load_pipeline
from darkroom.engine.sources import Sources
from darkroom.engine.stable_diffusion import StableDiffusion
from darkroom.engine.stepping import FamilyParts, StepEngine

_Driven: TypeAlias = Callable[[Pipeline, Device, Backend], FamilyParts]

_DRIVEN: Mapping[Family, _Driven] = {
    Family.STABLE_DIFFUSION: StableDiffusion,
    Family.FLUX_KONTEXT: FluxKontext,
    Family.FLUX2_KLEIN: Flux2Klein,
}


def load_engine(
    family: Family,
    weights: Path | Sources,
    device: Device,
    backend: Backend,
    *,
    threads: int | None = None,
) -> StepEngine:
    """An engine over *weights*; see `load_parts`.

    Args:
        family: of the pipeline.
        weights: a folder, or all that they are put together from.
        device: where the weights are put.
        backend: computes them.
        threads: how many compute on a CPU; None leaves that to torch.

    Raises:
        WeightsUnavailable: they are not there, not whole, not what we take, or too large.
    """
    parts, weights_bytes = load_parts(family, weights, device, backend)
    return StepEngine(parts, weights_bytes=weights_bytes, threads=threads)


def load_parts(
    family: Family, weights: Path | Sources, device: Device, backend: Backend
) -> tuple[FamilyParts, int]:
    """Load *weights*, and count their bytes.

    Nothing is fetched, no code of theirs runs.

    Raises:
        WeightsUnavailable: they are not there, not whole, not what we take, or too large.
    """
    sources = Sources(folder=weights) if isinstance(weights, Path) else weights
    pipeline = load_pipeline(family, sources, device)
    modules = [one for one in pipeline.components.values() if isinstance(one, torch.nn.Module)]
    return _DRIVEN[family](pipeline, device, backend), bytes_of(modules)
