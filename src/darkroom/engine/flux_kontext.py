"""FLUX.1 Kontext: a picture changed by a prompt, or one made from a prompt alone."""

from collections.abc import Mapping, Sequence
from typing import Protocol, cast

import torch
from PIL.Image import Image
from torch import Tensor, nn
from torch.nn.functional import pixel_shuffle, pixel_unshuffle

from darkroom.engine.backends.calls import (
    KontextCall,
    PooledTextCall,
    TextCall,
)
from darkroom.engine.backends.interface import Backend
from darkroom.engine.codec import Codec
from darkroom.engine.device import Device
from darkroom.engine.edge import Pipeline
from darkroom.engine.flux import (
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
from darkroom.engine.pixels import to_pixels
from darkroom.engine.previews import Painter
from darkroom.engine.texts import Tokenizer, tokens, too_long
from darkroom.engine.tracks import Track

_TEXT_TOKENS = 512  # of T5
_AXES = 3


class _Parts(Pipeline, Protocol):
    transformer: nn.Module
    text_encoder: nn.Module
    text_encoder_2: nn.Module
    tokenizer: Tokenizer
    tokenizer_2: Tokenizer


class FluxKontext:
    """Satisfies `darkroom.engine.stepping.FamilyParts`; one reference at most.

    Args:
        pipeline: loaded; only its parts are used.
        device: where they are.
        backend: computes them.
    """

    def __init__(self, pipeline: Pipeline, device: Device, backend: Backend) -> None:
        self._pipeline = parts = cast("_Parts", pipeline)
        self._device = device
        self.denoiser = backend.denoiser(KontextCall(parts.transformer))
        self._codec = Codec(pipeline, device, backend)
        self._pooled = backend.part("pooled text", PooledTextCall(parts.text_encoder))
        self._text = backend.part("text", TextCall(parts.text_encoder_2))
        self._channels = channels_of(parts.transformer) // 4
        self._painter = Painter(self._latents_of)

    def begin(self, order: Order) -> Sequence[Track]:
        """Encode the reference and the text; latents are tokens (1, H/16 x W/16, 4 C)."""
        pictures = [self._latents_of(to_pixels(one, self._device)) for one in order.images[:1]]
        references = [pixel_unshuffle(one, 2) for one in pictures]
        grid, generator = grid_of(order), generator_of(order.seed)
        shape = (1, self._channels, 2 * grid[0], 2 * grid[1])
        lane = self._lane(order, grid, references)
        noises = [pixel_unshuffle(drawn(shape, generator, lane[2]), 2) for _ in range(order.count)]
        scheduler = self._pipeline.scheduler
        shift = _shift(grid[0] * grid[1], scheduler.config)
        return tracks(order, noises, lane, references, scheduler=scheduler, shift=shift)

    def notes(self, order: Order) -> Sequence[str]:
        """A line for a prompt that is too long; CLIP, which reads less, adds but a shade."""
        tokenizer = self._pipeline.tokenizer_2
        return too_long(tokenizer, order.prompt, "prompt", length=_TEXT_TOKENS)

    def pixels(self, track: Track) -> Tensor:
        """Decode to (1, 3, H, W), nominally in [-1, 1]."""
        config = self._pipeline.vae.config
        latents = self._spread(track.latents, track)
        return self._codec.pixels(latents / config.scaling_factor + (config.shift_factor or 0.0))

    def flagged(self, image: Image, pixels: Tensor) -> bool:  # noqa: ARG002  # one signature for all
        """No checker comes with these weights."""
        return False

    def preview(self, track: Track) -> Thumbnail | None:
        """The picture that the last prediction points to."""
        clean = clean_tokens(track)
        return None if clean is None else self._painter.painted(self._spread(clean, track))

    def _spread(self, latents: Tensor, track: Track) -> Tensor:
        return pixel_shuffle(as_patches(latents, track.grid), 2)

    def _latents_of(self, pixels: Tensor) -> Tensor:
        config = self._pipeline.vae.config
        return (self._codec.mean(pixels) - (config.shift_factor or 0.0)) * config.scaling_factor

    def _lane(
        self, order: Order, grid: tuple[int, int], references: Sequence[Tensor]
    ) -> tuple[Tensor, ...]:
        pipeline, where = self._pipeline, self._device.torch_device
        ids, _mask = tokens(pipeline.tokenizer, order.prompt, self._device)
        long, _mask = tokens(pipeline.tokenizer_2, order.prompt, self._device, length=_TEXT_TOKENS)
        text = self._text(long)
        places = [positions(grid, 0, _AXES)]
        places += [positions(shape_of(one), 1, _AXES) for one in references]
        return (
            torch.full((1,), order.guidance, device=where, dtype=torch.float32),
            self._pooled(ids),
            text,
            torch.zeros(1, text.shape[1], _AXES, device=where),
            torch.cat(places, dim=1).to(where),
        )


def _shift(tokens: int, config: Mapping[str, object]) -> float:
    """The schedule's shift, a straight line over the number of tokens.

    Source: diffusers, FluxKontextPipeline.
    """

    def number(name: str, default: float) -> float:
        return float(cast("float", config.get(name, default)))

    few, many = number("base_image_seq_len", 256), number("max_image_seq_len", 4096)
    low, high = number("base_shift", 0.5), number("max_shift", 1.15)
    return low + (high - low) * (tokens - few) / (many - few)
