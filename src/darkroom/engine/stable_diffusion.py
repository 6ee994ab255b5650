"""Stable Diffusion 1.x and 2.x: a picture repainted by a prompt."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, cast

from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from diffusers.schedulers.scheduling_dpmsolver_multistep import DPMSolverMultistepScheduler
from diffusers.schedulers.scheduling_euler_ancestral_discrete import EulerAncestralDiscreteScheduler
from diffusers.schedulers.scheduling_euler_discrete import EulerDiscreteScheduler
from diffusers.schedulers.scheduling_lms_discrete import LMSDiscreteScheduler
from diffusers.schedulers.scheduling_pndm import PNDMScheduler
from PIL.Image import Image
from torch import Generator, Tensor, nn

from darkroom.engine.backends.calls import (
    MaskedTextCall,
    TextCall,
    UNetCall,
)
from darkroom.engine.backends.interface import Backend
from darkroom.engine.codec import Codec
from darkroom.engine.device import Device
from darkroom.engine.edge import Pipeline, Scheduler
from darkroom.engine.interface import Order, Sampler, Thumbnail
from darkroom.engine.noise import apart, drawn, generator_of, row_generators, sampled
from darkroom.engine.pixels import to_pixels
from darkroom.engine.previews import Painter, clean_of
from darkroom.engine.schedule import Schedule, fresh
from darkroom.engine.texts import Tokenizer, tokens, too_long
from darkroom.engine.tracks import Track

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


class _Betas(Protocol):
    config: Mapping[str, object]
    alphas_cumprod: Tensor


class _Parts(Pipeline, Protocol):
    unet: nn.Module
    text_encoder: nn.Module
    tokenizer: Tokenizer
    safety_checker: Callable[..., tuple[object, Sequence[bool]]] | None
    feature_extractor: Callable[..., _Features]


class StableDiffusion:
    """Satisfies `darkroom.engine.stepping.FamilyParts`; two lanes with guidance above 1, else one.

    Args:
        pipeline: loaded; only its parts are used.
        device: where they are.
        backend: computes them.
    """

    def __init__(self, pipeline: Pipeline, device: Device, backend: Backend) -> None:
        self._pipeline = parts = cast("_Parts", pipeline)
        self._device = device
        self.denoiser = backend.denoiser(UNetCall(parts.unet))
        self._codec = Codec(pipeline, device, backend)
        self._masked = bool(getattr(parts.text_encoder.config, "use_attention_mask", None))
        text = MaskedTextCall if self._masked else TextCall
        self._text = backend.part("text", text(parts.text_encoder))
        self._painter = Painter(self._latents_of)

    def begin(self, order: Order) -> Sequence[Track]:
        """Encode the picture and the texts; latents are (1, 4, H/8, W/8)."""
        start = generator_of(order.seed)
        pixels = to_pixels(order.images[0], self._device)
        latents = (
            sampled(self._codec.moments(pixels), start) * self._pipeline.vae.config.scaling_factor
        )
        generators = row_generators(start, tuple(latents.shape), order.count)
        noises = [drawn(tuple(latents.shape), one, latents) for one in generators]
        lanes = self._lanes(order)
        return [
            self._track(order, latents, noise, generator, lanes)
            for noise, generator in zip(noises, apart(generators), strict=True)
        ]

    def notes(self, order: Order) -> Sequence[str]:
        """A line for each text that is too long."""
        tokenizer = self._pipeline.tokenizer
        texts = self._texts(order).items()
        return [line for name, text in texts for line in too_long(tokenizer, text, name)]

    def pixels(self, track: Track) -> Tensor:
        """Decode to (1, 3, H, W), nominally in [-1, 1]."""
        return self._codec.pixels(track.latents / self._pipeline.vae.config.scaling_factor)

    def flagged(self, image: Image, pixels: Tensor) -> bool:
        """What the safety checker that came with the weights says; False without one."""
        if self._pipeline.safety_checker is None:
            return False
        features = self._pipeline.feature_extractor(image, return_tensors="pt").pixel_values
        look = features.to(self._device.torch_device, self._device.dtype)
        return any(self._pipeline.safety_checker(images=pixels.clone(), clip_input=look)[1])

    def preview(self, track: Track) -> Thumbnail | None:
        """The picture that the last prediction points to."""
        if track.seen is None:
            return None
        scheduler = cast("_Betas", self._pipeline.scheduler)
        clean = clean_of(*track.seen, scheduler.config, scheduler.alphas_cumprod)
        return self._painter.painted(clean)

    def _latents_of(self, pixels: Tensor) -> Tensor:
        return self._codec.mean(pixels) * self._pipeline.vae.config.scaling_factor

    def _track(
        self,
        order: Order,
        latents: Tensor,
        noise: Tensor,
        generator: Generator,
        lanes: Sequence[tuple[Tensor, ...]],
    ) -> Track:
        schedule = self._schedule(order, generator)
        return Track(
            latents=schedule.noised(latents, noise),
            schedule=schedule,
            lanes=lanes,
            guidance=order.guidance,
            key=(tuple(latents.shape), tuple(lanes[0][0].shape)),
        )

    def _texts(self, order: Order) -> Mapping[str, str]:
        """What is encoded, the text to steer away from first."""
        found = {"negative prompt": order.negative_prompt, "prompt": order.prompt}
        return found if order.guidance > 1 else {"prompt": order.prompt}

    def _lanes(self, order: Order) -> Sequence[tuple[Tensor, ...]]:
        return [(self._encoded(text),) for text in self._texts(order).values()]

    def _encoded(self, text: str) -> Tensor:
        found = tokens(self._pipeline.tokenizer, text, self._device)
        return self._text(*found) if self._masked else self._text(found[0])

    def _schedule(self, order: Order, generator: Generator) -> Schedule:
        """A schedule with the betas and prediction type of the weights, shortened by strength.

        Source: github.com/replicate/cog-stable-diffusion-img2img, predict.py.
        """
        own = self._pipeline.scheduler
        kind = type(own) if order.sampler is None else _SCHEDULERS[order.sampler]
        config = dict(own.config)
        if order.sampler is Sampler.PNDM:
            config["skip_prk_steps"] = True  # as in every published config; else 4 calls a step
        scheduler: Scheduler = fresh(kind, config)
        scheduler.set_timesteps(order.steps)
        run = min(order.steps, max(1, int(order.steps * order.strength)))
        return Schedule(scheduler, generator, first=(order.steps - run) * scheduler.order)
