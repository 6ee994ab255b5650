"""Pixels to latents and back, by the autoencoder that every family has."""

from typing import cast

from torch import Tensor, nn

from darkroom.engine.backends.calls import DecodeCall, EncodeCall
from darkroom.engine.backends.interface import Backend
from darkroom.engine.device import Device
from darkroom.engine.edge import Pipeline


class Codec:
    """The autoencoder of a pipeline. What a family does to latents beyond it is the family's.

    Args:
        pipeline: loaded.
        device: where its weights are.
        backend: computes it.
    """

    def __init__(self, pipeline: Pipeline, device: Device, backend: Backend) -> None:
        vae = cast("nn.Module", pipeline.vae)
        self._device = device
        self._encode = backend.part("encoder", EncodeCall(vae))
        self._decode = backend.part("decoder", DecodeCall(vae))

    def moments(self, pixels: Tensor) -> Tensor:
        """(1, 3, H, W) in [-1, 1] to (1, 2 C, H/8, W/8): mean, then logarithm of the variance."""
        return self._encode(pixels.to(self._device.torch_device, self._device.dtype))

    def mean(self, pixels: Tensor) -> Tensor:
        """(1, 3, H, W) in [-1, 1] to its most likely latents, (1, C, H/8, W/8)."""
        return self.moments(pixels).chunk(2, dim=1)[0]

    def pixels(self, latents: Tensor) -> Tensor:
        """(1, C, h, w) to (1, 3, 8 h, 8 w), nominally in [-1, 1]."""
        return self._decode(latents)
