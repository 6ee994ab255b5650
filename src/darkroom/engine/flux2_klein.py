"""FLUX.2 klein, distilled to four steps: any number of reference pictures and a prompt."""

from collections.abc import Callable

from PIL.Image import Image
from torch import Tensor

from darkroom.engine.device import Device
from darkroom.engine.edge import Pipeline, denoised
from darkroom.engine.interface import Order
from darkroom.engine.noise import generator_of


class Flux2Klein:
    """Runs orders on one loaded pipeline, one at a time."""

    def __init__(self, pipeline: Pipeline, device: Device) -> None:
        del device
        self._pipeline = pipeline

    def steps(self, order: Order) -> int:
        """How many steps are run."""
        return order.steps

    def denoise(self, order: Order, after_step: Callable[[int, int], None]) -> Tensor:
        """Run all steps; latents (count, 32, H/8, W/8)."""
        return denoised(
            self._pipeline,
            lambda done: after_step(done, order.steps),
            prompt=order.prompt,
            image=list(order.images) or None,
            width=order.width,
            height=order.height,
            num_inference_steps=order.steps,
            guidance_scale=1.0,
            num_images_per_prompt=order.count,
            generator=generator_of(order.seed),
        )

    def pixels(self, latents: Tensor, order: Order) -> Tensor:  # noqa: ARG002  # one signature for all
        """Decode one row to (1, 3, H, W), nominally in [-1, 1]."""
        return self._pipeline.vae.decode(latents, return_dict=False)[0]

    def flagged(self, image: Image, pixels: Tensor) -> bool:  # noqa: ARG002  # one signature for all
        """No checker comes with these weights."""
        return False
