"""The baseline: a pipeline of diffusers as it is, called in a loop, one order after the other."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, cast

import torch
from diffusers.pipelines.flux.pipeline_flux_kontext import FluxKontextPipeline
from diffusers.pipelines.flux2.pipeline_flux2_klein import Flux2KleinPipeline
from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion_img2img import (
    StableDiffusionImg2ImgPipeline,
)
from PIL.Image import Image

from bench.engine.asked import Came, Made, Setup, Wanted
from bench.engine.peaks import Peak
from bench.engine.pictures import GUIDANCE, PROMPT, reference
from darkroom.domain.families import Family
from darkroom.engine.edge import Pipeline, PipelineKind, built

_KINDS: Mapping[Family, object] = {
    Family.STABLE_DIFFUSION: StableDiffusionImg2ImgPipeline,
    Family.FLUX_KONTEXT: FluxKontextPipeline,
    Family.FLUX2_KLEIN: Flux2KleinPipeline,
}


class _Answer(Protocol):
    images: list[Image]


class StockMaker:
    """Satisfies `bench.engine.asked.Maker`; knows neither `after` nor canceling."""

    def __init__(self, setup: Setup) -> None:
        self._family = Family(setup.family)
        self._peak = Peak(setup.device == "cuda")
        self._pipeline = _load(setup)

    def make(self, orders: Sequence[Wanted]) -> Made:
        """Call the pipeline once for each order."""
        began = time.perf_counter()
        came: list[Came] = []
        for wanted in orders:
            picture = self._picture(wanted)
            seconds = time.perf_counter() - began
            pixels = picture.convert("RGB").tobytes()
            came.append(Came(seconds=seconds, first=0.0, steps=wanted.steps, pixels=pixels))
        seconds = time.perf_counter() - began
        return Made(seconds=seconds, came=tuple(came), peak_mb=self._peak.mb())

    def _picture(self, wanted: Wanted) -> Image:
        answer = built(
            _Answer,
            self._pipeline,
            prompt=PROMPT,
            image=reference(wanted),
            num_inference_steps=wanted.steps,
            guidance_scale=GUIDANCE[self._family],
            generator=torch.Generator("cpu").manual_seed(wanted.seed),
            **_OWN[self._family](wanted.side),
        )
        return answer.images[0]


def _load(setup: Setup) -> Pipeline:
    kind = cast("PipelineKind", _KINDS[Family(setup.family)])
    dtype = cast("torch.dtype", getattr(torch, setup.dtype))
    pipeline = kind.from_pretrained(
        setup.folder, local_files_only=True, use_safetensors=True, dtype=dtype
    )
    pipeline.to(torch.device(setup.device))
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


# What makes each pipeline run all its steps at the wanted size.
_OWN: Mapping[Family, Callable[[int], Mapping[str, object]]] = {
    Family.STABLE_DIFFUSION: lambda _: {"strength": 1.0},
    Family.FLUX_KONTEXT: lambda side: {
        "width": side, "height": side, "max_area": side * side, "_auto_resize": False,
    },
    Family.FLUX2_KLEIN: lambda side: {"width": side, "height": side},
}  # fmt: skip
