"""FLUX.2 klein, distilled to four steps: any number of reference pictures and a prompt."""

from collections.abc import Sequence
from typing import Protocol, cast

import torch
from diffusers.pipelines.flux2.pipeline_flux2_klein import compute_empirical_mu
from PIL.Image import Image
from torch import Tensor, nn
from torch.nn.functional import pixel_shuffle, pixel_unshuffle

from darkroom.engine.backends.calls import KleinCall, QwenTextCall
from darkroom.engine.backends.interface import Backend
from darkroom.engine.codec import Codec
from darkroom.engine.device import Device
from darkroom.engine.edge import Pipeline
from darkroom.engine.flux import (
    PATCH_PIXELS,
    as_patches,
    channels_of,
    clean_tokens,
    grid_of,
    positions,
    shape_of,
    tracks,
)
from darkroom.engine.interface import Order, Thumbnail
from darkroom.engine.noise import drawn, generator_of
from darkroom.engine.pixels import cropped, to_pixels
from darkroom.engine.previews import Painter
from darkroom.engine.texts import Tokenizer, tokens, too_long
from darkroom.engine.tracks import Track

_TEXT_TOKENS = 512
_AXES = 4
_TIME_APART = 10  # between the references, and between the picture and the first of them


class _Norm(Protocol):
    running_mean: Tensor
    running_var: Tensor


class _NormedConfig(Protocol):
    batch_norm_eps: float


class _Normed(Protocol):
    bn: _Norm
    config: _NormedConfig


class _Parts(Pipeline, Protocol):
    transformer: nn.Module
    text_encoder: nn.Module
    tokenizer: Tokenizer


class Flux2Klein:
    """Satisfies `darkroom.engine.stepping.FamilyParts`; any number of references, no guidance.

    Args:
        pipeline: loaded; only its parts are used.
        device: where they are.
        backend: computes them.
    """

    def __init__(self, pipeline: Pipeline, device: Device, backend: Backend) -> None:
        self._pipeline = parts = cast("_Parts", pipeline)
        self._device = device
        self.denoiser = backend.denoiser(KleinCall(parts.transformer))
        self._codec = Codec(pipeline, device, backend)
        self._text = backend.part("text", QwenTextCall(parts.text_encoder))
        self._channels = channels_of(parts.transformer)
        self._mean, self._deviation = _moments(cast("_Normed", parts.vae), device)
        self._painter = Painter(lambda pixels: pixel_shuffle(self._patches_of(pixels), 2))

    def begin(self, order: Order) -> Sequence[Track]:
        """Encode the references and the text; latents are tokens (1, H/16 x W/16, 4 C)."""
        whole = [cropped(one, PATCH_PIXELS) for one in order.images]
        references = [self._patches_of(to_pixels(one, self._device)) for one in whole]
        grid, generator = grid_of(order), generator_of(order.seed)
        lane = self._lane(order, grid, references)
        shape = (1, self._channels, *grid)
        noises = [drawn(shape, generator, lane[0]) for _ in range(order.count)]
        shift = compute_empirical_mu(grid[0] * grid[1], order.steps)
        scheduler = self._pipeline.scheduler
        return tracks(order, noises, lane, references, scheduler=scheduler, shift=shift)

    def notes(self, order: Order) -> Sequence[str]:
        """A line for a prompt that is too long with the marks around it."""
        said = self._said(order.prompt)
        return too_long(self._pipeline.tokenizer, said, "prompt", length=_TEXT_TOKENS)

    def pixels(self, track: Track) -> Tensor:
        """Decode to (1, 3, H, W), nominally in [-1, 1]."""
        patches = as_patches(track.latents, track.grid) * self._deviation + self._mean
        return self._codec.pixels(pixel_shuffle(patches, 2))

    def flagged(self, image: Image, pixels: Tensor) -> bool:  # noqa: ARG002  # one signature for all
        """No checker comes with these weights."""
        return False

    def preview(self, track: Track) -> Thumbnail | None:
        """The picture that the last prediction points to."""
        clean = clean_tokens(track)
        if clean is None:
            return None
        return self._painter.painted(pixel_shuffle(as_patches(clean, track.grid), 2))

    def _patches_of(self, pixels: Tensor) -> Tensor:
        return (pixel_unshuffle(self._codec.mean(pixels), 2) - self._mean) / self._deviation

    def _said(self, prompt: str) -> str:
        """A prompt as a turn of a chat, as the text encoder was trained on."""
        return self._pipeline.tokenizer.apply_chat_template(
            [{"role": "user", "content": prompt}],
            tokenize=False,
            add_generation_prompt=True,
            enable_thinking=False,
        )

    def _lane(
        self, order: Order, grid: tuple[int, int], references: Sequence[Tensor]
    ) -> tuple[Tensor, ...]:
        tokenizer, where = self._pipeline.tokenizer, self._device.torch_device
        text = self._text(
            *tokens(tokenizer, self._said(order.prompt), self._device, length=_TEXT_TOKENS)
        )
        count = torch.arange(text.shape[1]).float()
        written = torch.cat([torch.zeros(len(count), _AXES - 1), count[:, None]], dim=1)[None]
        places = [positions(grid, 0, _AXES)]
        for index, one in enumerate(references, start=1):
            places.append(positions(shape_of(one), _TIME_APART * index, _AXES))
        return text, written.to(where), torch.cat(places, dim=1).to(where)


def _moments(vae: _Normed, device: Device) -> tuple[Tensor, Tensor]:
    """What the latents of these weights are normalized with, (1, 4 C, 1, 1) each."""
    where, dtype = device.torch_device, device.dtype
    mean = vae.bn.running_mean.view(1, -1, 1, 1)
    deviation = torch.sqrt(vae.bn.running_var.view(1, -1, 1, 1) + vae.config.batch_norm_eps)
    return mean.to(where, dtype), deviation.to(where, dtype)
