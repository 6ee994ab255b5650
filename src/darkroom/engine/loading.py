"""Weights to engines."""

from collections.abc import Callable, Mapping
from pathlib import Path

from darkroom.domain.families import Family
from darkroom.engine.device import Device
from darkroom.engine.edge import Pipeline
from darkroom.engine.flux2_klein import Flux2Klein
from darkroom.engine.flux_kontext import FluxKontext
from darkroom.engine.interface import Engine
from darkroom.engine.pipelines import load_pipeline
from darkroom.engine.sources import Sources
from darkroom.engine.stable_diffusion import StableDiffusion
from darkroom.engine.stock import FamilyPipeline, StockEngine

_DRIVEN: Mapping[Family, Callable[[Pipeline, Device], FamilyPipeline]] = {
    Family.STABLE_DIFFUSION: StableDiffusion,
    Family.FLUX_KONTEXT: FluxKontext,
    Family.FLUX2_KLEIN: Flux2Klein,
}


def load_engine(family: Family, weights: Path | Sources, device: Device) -> Engine:
    """Load weights onto *device*; nothing is fetched, no code of theirs runs.

    Args:
        family: of the weights.
        weights: a folder, or all that they are put together from.
        device: where they go.

    Raises:
        WeightsUnavailable: they are not there, not whole, not what we take, or too large.
    """
    sources = Sources(folder=weights) if isinstance(weights, Path) else weights
    return StockEngine(_DRIVEN[family](load_pipeline(family, sources, device), device))
