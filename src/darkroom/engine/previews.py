"""Small pictures of what rows are going to be, without the decoder.

A latent cell is nearly a linear function of the colour there. The function is fitted once for each
model, to what its own encoder makes of a picture of coloured squares; a preview then costs a
multiplication instead of a decode.
"""

from collections.abc import Callable, Mapping
from typing import TypeAlias, cast

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from darkroom.engine.interface import Thumbnail

_Solve: TypeAlias = Callable[[Tensor, Tensor], Tensor]

LONGEST_SIDE = 96  # pixels, as many as a preview may have
_SQUARES = 16  # per side of the picture that is learned from
_SQUARE = 16  # pixels: two latent cells
_SEED = 20_260_101
_RIDGE = 1e-3


def clean_of(
    sample: Tensor,
    timestep: Tensor,
    prediction: Tensor,
    config: Mapping[str, object],
    alphas_cumprod: Tensor,
) -> Tensor:
    """The latents without noise that a Stable Diffusion denoiser points to.

    Args:
        sample: (1, C, h, w), as the denoiser saw it: signal and noise, of variance 1 in all.
        timestep: its time, from 0.
        prediction: what came of it, of the same shape.
        config: names the `prediction_type`: epsilon, v_prediction or sample.
        alphas_cumprod: the share of the signal in the variance, by timestep.
    """
    share = alphas_cumprod[int(timestep)].to(sample)
    signal, noise = share.sqrt(), (1 - share).sqrt()
    match config.get("prediction_type", "epsilon"):
        case "v_prediction":
            return signal * sample - noise * prediction
        case "sample":
            return prediction
        case _:
            return (sample - noise * prediction) / signal


class Painter:
    """Turns latents into thumbnails.

    Args:
        encode: pixels (1, 3, H, W) in [-1, 1] to latents (1, C, H/8, W/8), as rows have them.
    """

    def __init__(self, encode: Callable[[Tensor], Tensor]) -> None:
        self._encode = encode
        self._colours: Tensor | None = None

    def painted(self, latents: Tensor) -> Thumbnail:
        """What (1, C, h, w) looks like; the first call fits the colours and takes an encode."""
        if self._colours is None:
            self._colours = _fitted(self._encode)
        cells = _shrunk(latents.float())
        ones = torch.ones_like(cells[:, :1])
        colours = self._colours.to(cells.device)
        rgb = torch.einsum("nchw,ck->nhwk", torch.cat([cells, ones], dim=1), colours)[0]
        levels = ((rgb / 2 + 0.5).nan_to_num().clamp(0, 1) * 255).round().to(torch.uint8).cpu()
        height, width, _ = levels.shape
        return Thumbnail(width, height, levels.numpy().tobytes())


def _shrunk(latents: Tensor) -> Tensor:
    longest = max(latents.shape[2:])
    if longest <= LONGEST_SIDE:
        return latents
    height, width = (max(1, side * LONGEST_SIDE // longest) for side in latents.shape[2:])
    return interpolate(latents, size=(height, width), mode="area")


def _fitted(encode: Callable[[Tensor], Tensor]) -> Tensor:
    """(C + 1, 3): what a latent cell and a constant add to each colour."""
    draw = torch.Generator().manual_seed(_SEED)
    squares = torch.rand((1, 3, _SQUARES, _SQUARES), generator=draw) * 2 - 1
    latents = encode(interpolate(squares, scale_factor=_SQUARE, mode="nearest")).float().cpu()
    cells = latents[0].flatten(1).T
    shown = interpolate(squares, size=latents.shape[2:], mode="nearest")
    known = torch.cat([cells, torch.ones(len(cells), 1)], dim=1)
    # A little ridge keeps latents that tell nothing of colour out of it.
    square = known.T @ known + _RIDGE * len(cells) * torch.eye(known.shape[1])
    return cast("_Solve", torch.linalg.solve)(square, known.T @ shown[0].flatten(1).T)
