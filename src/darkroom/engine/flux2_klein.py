"""FLUX.2 klein, distilled to four steps: any number of reference pictures and a prompt."""

from collections.abc import Callable

from torch import Tensor

from darkroom.engine.edge import denoised
from darkroom.engine.flux import Flux
from darkroom.engine.interface import Order
from darkroom.engine.noise import generator_of


class Flux2Klein(Flux):
    """Any number of references, one order at a time."""

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
