"""What the families of FLUX share: tokens and their positions, one lane, a straight flow."""

from collections.abc import Sequence
from typing import Protocol, cast

import torch
from torch import Tensor, nn

from darkroom.engine.edge import Scheduler
from darkroom.engine.interface import Order
from darkroom.engine.schedule import flow
from darkroom.engine.taylor import Taylor
from darkroom.engine.tracks import Track

PATCH_PIXELS = 16  # a token covers 2 by 2 latents of 8 pixels
_TIMESTEPS = 1000  # timesteps count down from here to 0, as noise does from 1


class _Config(Protocol):
    in_channels: int


class _Transformer(Protocol):
    config: _Config


def channels_of(transformer: nn.Module) -> int:
    """Numbers in a token."""
    return cast("_Transformer", transformer).config.in_channels


def grid_of(order: Order) -> tuple[int, int]:
    """Rows and columns of tokens that an order's pictures have."""
    return order.height // PATCH_PIXELS, order.width // PATCH_PIXELS


def as_tokens(patches: Tensor) -> Tensor:
    """(1, C, h, w) to (1, h x w, C), row by row."""
    return patches.flatten(2).transpose(1, 2)


def as_patches(tokens: Tensor, grid: tuple[int, int]) -> Tensor:
    """(1, h x w, C) to (1, C, h, w)."""
    return tokens.transpose(1, 2).reshape(1, tokens.shape[2], *grid)


def shape_of(patches: Tensor) -> tuple[int, int]:
    """Rows and columns of (1, C, h, w)."""
    return patches.shape[2], patches.shape[3]


def positions(grid: tuple[int, int], time: int, axes: int) -> Tensor:
    """(1, h x w, *axes*): time, row, column and then zeros for every token of a grid."""
    height, width = grid
    row, column = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    known = [torch.full_like(row, time), row, column]
    found = torch.stack([*known, *[torch.zeros_like(row)] * (axes - len(known))], dim=-1)
    return found.reshape(1, height * width, axes).float()


def tracks(
    order: Order,
    noises: Sequence[Tensor],
    lane: tuple[Tensor, ...],
    references: Sequence[Tensor],
    *,
    scheduler: Scheduler,
    shift: float,
) -> Sequence[Track]:
    """One track for each of *noises*.

    Args:
        order: what they are made for.
        noises: (1, C, h, w) patches each.
        lane: what the denoiser takes beside tokens and timestep.
        references: (1, C, h', w') patches each.
        scheduler: that of the weights; it is not changed.
        shift: bends the schedule towards noise.
    """
    seen = torch.cat([as_tokens(one) for one in references], dim=1) if references else None
    # Denoisers take the positions of the first row for all: grids must be equal, not their areas.
    grids = tuple(shape_of(one) for one in references)
    return [
        Track(
            latents=as_tokens(noise),
            schedule=flow(scheduler, order.steps, shift),
            lanes=(lane,),
            key=(tuple(noise.shape), grids, tuple(tuple(one.shape) for one in lane)),
            grid=grid_of(order),
            reference=seen,
            taylor=Taylor(order.steps) if order.go_fast else None,
        )
        for noise in noises
    ]


def clean_tokens(track: Track) -> Tensor | None:
    """The tokens without noise that the last prediction points to; None before the first."""
    if track.seen is None:
        return None
    sample, timestep, velocity = track.seen
    return sample - velocity * (timestep / _TIMESTEPS).to(sample)
