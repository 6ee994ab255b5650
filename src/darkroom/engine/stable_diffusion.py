"""Stable Diffusion 1.x and 2.x: a picture repainted by a prompt."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, cast

import torch
from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion_img2img import (
    StableDiffusionImg2ImgPipeline,
)
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from diffusers.schedulers.scheduling_dpmsolver_multistep import DPMSolverMultistepScheduler
from diffusers.schedulers.scheduling_euler_ancestral_discrete import EulerAncestralDiscreteScheduler
from diffusers.schedulers.scheduling_euler_discrete import EulerDiscreteScheduler
from diffusers.schedulers.scheduling_lms_discrete import LMSDiscreteScheduler
from diffusers.schedulers.scheduling_pndm import PNDMScheduler
from PIL.Image import Image
from torch import Generator, Tensor

from darkroom.engine.device import Device
from darkroom.engine.edge import Pipeline, Scheduler, SchedulerKind, denoised
from darkroom.engine.interface import Order, Sampler
from darkroom.engine.noise import apart, generator_of, row_generators
from darkroom.engine.pixels import to_pixels

_SCHEDULERS: Mapping[Sampler, type] = {
    Sampler.DDIM: DDIMScheduler,
    Sampler.K_EULER: EulerDiscreteScheduler,
    Sampler.DPM_SOLVER_MULTISTEP: DPMSolverMultistepScheduler,
    Sampler.K_EULER_ANCESTRAL: EulerAncestralDiscreteScheduler,
    Sampler.PNDM: PNDMScheduler,
    Sampler.KLMS: LMSDiscreteScheduler,
}


class _ClipInput(Protocol):
    def to(self, device: object, dtype: object) -> Tensor: ...


class _Features(Protocol):
    pixel_values: _ClipInput


class _Checked(Pipeline, Protocol):
    safety_checker: Callable[..., tuple[object, Sequence[bool]]] | None
    feature_extractor: Callable[..., _Features]


class Img2ImgPipeline(StableDiffusionImg2ImgPipeline):
    """The stock pipeline, except that rows do not share the noise of later steps."""

    def prepare_extra_step_kwargs(
        self, generator: Sequence[Generator], eta: float
    ) -> dict[str, object]:
        """Part the rows' generators; called after their first draw, before the first step."""
        stock = cast(
            "Callable[[list[Generator], float], dict[str, object]]",
            super().prepare_extra_step_kwargs,
        )
        return stock(apart(generator), eta)


class StableDiffusion:
    """Runs orders on one loaded pipeline, one at a time."""

    def __init__(self, pipeline: Pipeline, device: Device) -> None:
        self._pipeline = cast("_Checked", pipeline)
        self._device = device
        self._own_schedule = pipeline.scheduler

    def steps(self, order: Order) -> int:
        """How many steps are run, give or take the few that some samplers add."""
        return max(1, int(order.steps * order.strength))

    def denoise(self, order: Order, after_step: Callable[[int, int], None]) -> Tensor:
        """Run all steps; latents (count, 4, H/8, W/8)."""
        self._pipeline.scheduler = self._schedule(order.sampler)
        start = generator_of(order.seed)
        latents = self._encode(order.images[0], start)
        generators = row_generators(start, tuple(latents.shape), order.count)
        return denoised(
            self._pipeline,
            lambda done: after_step(done, self._pipeline.num_timesteps),
            prompt=order.prompt,
            negative_prompt=order.negative_prompt,
            image=torch.cat(
                [latents] * order.count
            ),  # keeps the order in memory, as the pipeline does
            strength=self._strength(order),
            num_inference_steps=order.steps,
            guidance_scale=order.guidance,
            num_images_per_prompt=order.count,
            generator=generators,
        )

    def pixels(self, latents: Tensor, order: Order) -> Tensor:  # noqa: ARG002  # the others need it
        """Decode one row to (1, 3, H, W), nominally in [-1, 1]."""
        vae = self._pipeline.vae
        return vae.decode(latents / vae.config.scaling_factor, return_dict=False)[0]

    def flagged(self, image: Image, pixels: Tensor) -> bool:
        """What the safety checker that came with the weights says; False without one."""
        if self._pipeline.safety_checker is None:
            return False
        features = self._pipeline.feature_extractor(image, return_tensors="pt").pixel_values
        look = features.to(self._device.torch_device, self._device.dtype)
        return any(self._pipeline.safety_checker(images=pixels.clone(), clip_input=look)[1])

    def _encode(self, image: Image, start: Generator) -> Tensor:
        vae = self._pipeline.vae
        encoding = vae.encode(to_pixels(image, self._device))
        return encoding.latent_dist.sample(start) * vae.config.scaling_factor

    def _strength(self, order: Order) -> float:
        # The pipeline takes the whole part of steps x strength, where 49 x (1 / 49) is 0.
        return min(1.0, (self.steps(order) + 0.5) / order.steps)

    def _schedule(self, sampler: Sampler | None) -> Scheduler:
        """A fresh schedule with the betas and prediction type of the weights.

        Source: github.com/replicate/cog-stable-diffusion-img2img, predict.py.
        """
        kind = type(self._own_schedule) if sampler is None else _SCHEDULERS[sampler]
        config = dict(self._own_schedule.config)
        if sampler is Sampler.PNDM:
            config["skip_prk_steps"] = True  # as in every published config; else 4 calls a step
        return cast("SchedulerKind", kind).from_config(config)
