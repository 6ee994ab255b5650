"""FLUX.1 Kontext: a picture changed by a prompt, or one made from a prompt alone."""

from collections.abc import Callable

from torch import Tensor
from torch.nn.functional import pixel_shuffle

from darkroom.engine.edge import denoised
from darkroom.engine.flux import Flux
from darkroom.engine.interface import Order
from darkroom.engine.noise import generator_of

_PATCH_PIXELS = 16  # a token covers 2 by 2 latents of 8 pixels


class FluxKontext(Flux):
    """One reference at most, one order at a time."""

    def denoise(self, order: Order, after_step: Callable[[int, int], None]) -> Tensor:
        """Run all steps; tokens (count, H/16 x W/16, 64)."""
        return denoised(
            self._pipeline,
            lambda done: after_step(done, order.steps),
            prompt=order.prompt,
            image=order.images[0] if order.images else None,
            width=order.width,
            height=order.height,
            max_area=order.width * order.height,  # or it scales the size to a megapixel
            _auto_resize=False,  # the picture has its size already
            num_inference_steps=order.steps,
            guidance_scale=order.guidance,
            num_images_per_prompt=order.count,
            generator=generator_of(order.seed),
        )

    def pixels(self, latents: Tensor, order: Order) -> Tensor:
        """Decode one row to (1, 3, H, W), nominally in [-1, 1]."""
        vae = self._pipeline.vae
        grid = (order.height // _PATCH_PIXELS, order.width // _PATCH_PIXELS)
        channels = latents.shape[2]
        patches = latents.transpose(1, 2).reshape(1, channels, *grid)
        spread = pixel_shuffle(patches, 2)
        moved = spread / vae.config.scaling_factor + (vae.config.shift_factor or 0.0)
        return vae.decode(moved, return_dict=False)[0]
