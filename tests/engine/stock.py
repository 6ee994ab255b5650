"""The pipelines of diffusers as their users call them: what every picture of ours must equal."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import cast

import torch
from diffusers.pipelines.flux.pipeline_flux_kontext import FluxKontextPipeline
from diffusers.pipelines.flux2.pipeline_flux2_klein import Flux2KleinPipeline
from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion_img2img import (
    StableDiffusionImg2ImgPipeline,
)
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from diffusers.schedulers.scheduling_dpmsolver_multistep import DPMSolverMultistepScheduler
from diffusers.schedulers.scheduling_euler_ancestral_discrete import EulerAncestralDiscreteScheduler
from diffusers.schedulers.scheduling_euler_discrete import EulerDiscreteScheduler
from diffusers.schedulers.scheduling_lms_discrete import LMSDiscreteScheduler
from diffusers.schedulers.scheduling_pndm import PNDMScheduler
from PIL import Image
from torch import Tensor

from darkroom.domain.families import Family
from darkroom.engine.edge import Pipeline, PipelineKind, Scheduler, SchedulerKind
from darkroom.engine.interface import Order, Sampler

SAMPLERS: Mapping[Sampler, object] = {
    Sampler.DDIM: DDIMScheduler,
    Sampler.K_EULER: EulerDiscreteScheduler,
    Sampler.DPM_SOLVER_MULTISTEP: DPMSolverMultistepScheduler,
    Sampler.K_EULER_ANCESTRAL: EulerAncestralDiscreteScheduler,
    Sampler.PNDM: PNDMScheduler,
    Sampler.KLMS: LMSDiscreteScheduler,
}
_KINDS: Mapping[Family, object] = {
    Family.STABLE_DIFFUSION: StableDiffusionImg2ImgPipeline,
    Family.FLUX_KONTEXT: FluxKontextPipeline,
    Family.FLUX2_KLEIN: Flux2KleinPipeline,
}


class Stock:
    """A pipeline of one family, called once for each order."""

    def __init__(self, family: Family, folder: Path, dtype: torch.dtype = torch.float32) -> None:
        self._family = family
        self._pipeline = load(family, folder, dtype)
        self._config = dict(self._pipeline.scheduler.config)

    def pixels(self, order: Order) -> Tensor:
        """(count, 3, H, W), float32 in [0, 1]."""
        self._pipeline.scheduler = self._scheduler(order)
        call = cast("Callable[..., tuple[Tensor]]", self._pipeline)
        answer = call(
            prompt=order.prompt,
            num_inference_steps=order.steps,
            num_images_per_prompt=order.count,
            generator=torch.Generator("cpu").manual_seed(order.seed),
            output_type="pt",
            return_dict=False,
            **self._words(order),
        )
        return answer[0].float()

    def _scheduler(self, order: Order) -> Scheduler:
        own = self._pipeline.scheduler
        if order.sampler is None:
            return cast("SchedulerKind", type(own)).from_config(self._config)
        config = {**self._config, "skip_prk_steps": True}
        return cast("SchedulerKind", SAMPLERS[order.sampler]).from_config(config)

    def _words(self, order: Order) -> Mapping[str, object]:
        images = list(order.images)
        match self._family:
            case Family.STABLE_DIFFUSION:
                return {
                    "image": images[0],
                    "negative_prompt": order.negative_prompt,
                    "strength": order.strength,
                    "guidance_scale": order.guidance,
                }
            case Family.FLUX_KONTEXT:
                return {
                    "image": images[0] if images else None,
                    "guidance_scale": order.guidance,
                    "width": order.width,
                    "height": order.height,
                    "max_area": order.width * order.height,
                    "_auto_resize": False,
                }
            case Family.FLUX2_KLEIN:
                return {
                    "image": images or None,
                    "guidance_scale": 1.0,
                    "width": order.width,
                    "height": order.height,
                }


def as_image(pixels: Tensor) -> Image.Image:
    """(3, H, W) in [0, 1] as a picture."""
    levels = (pixels * 255).round().to(torch.uint8).permute(1, 2, 0).contiguous()
    height, width, _ = levels.shape
    return Image.frombytes("RGB", (width, height), levels.numpy().tobytes())


def load(family: Family, folder: Path, dtype: torch.dtype = torch.float32) -> Pipeline:
    """A pipeline on the CPU, as it is."""
    pipeline = cast("PipelineKind", _KINDS[family]).from_pretrained(
        str(folder), local_files_only=True, use_safetensors=True, dtype=dtype
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline
