"""The modules of every family in one form: tensors by position in, one tensor out.

Every tensor has the rows first. Denoisers take the sample, then the timesteps as the schedules
count them (0 to 1000, one per row), then what the row is conditioned on. The arithmetic is the
stock pipelines': a call gives what they would compute of the same inputs.
"""

from collections.abc import Callable, Mapping
from typing import Protocol, cast

import torch
from torch import Tensor, nn

_TIMESTEPS = 1000
_QWEN_LAYERS = (9, 18, 27)
"""Whose states klein reads. Source: diffusers, Flux2KleinPipeline."""


class _Latents(Protocol):
    parameters: Tensor


class _Encoding(Protocol):
    latent_dist: _Latents


class _States(Protocol):
    pooler_output: Tensor
    hidden_states: Mapping[int, Tensor]

    def __getitem__(self, index: int) -> Tensor: ...


class UNetCall(nn.Module):
    """(N, 4, h, w) sample, (N,) timesteps, (N, T, width) text; gives (N, 4, h, w)."""

    def __init__(self, unet: nn.Module) -> None:
        super().__init__()
        self.unet = unet

    def forward(self, sample: Tensor, timesteps: Tensor, text: Tensor) -> Tensor:
        """Predict noise or velocity, as the weights were trained to."""
        unet = cast("Callable[..., tuple[Tensor]]", self.unet)
        return unet(sample, timesteps, encoder_hidden_states=text, return_dict=False)[0]


class KontextCall(nn.Module):
    """(N, S, 64) tokens of picture and reference; gives the velocity of all S.

    After it: (N,) timesteps, (N,) guidance, (N, width) pooled, (N, T, width) text, (N, T, 3)
    text ids, (N, S, 3) picture ids. All rows have the ids of the first.
    """

    def __init__(self, transformer: nn.Module) -> None:
        super().__init__()
        self.transformer = transformer
        config = cast("Mapping[str, object]", transformer.config)
        self.guided = bool(config["guidance_embeds"])

    def forward(
        self,
        tokens: Tensor,
        timesteps: Tensor,
        guidance: Tensor,
        pooled: Tensor,
        text: Tensor,
        text_ids: Tensor,
        picture_ids: Tensor,
    ) -> Tensor:
        """Predict the velocity; weights without a guidance embedding leave *guidance* out."""
        transformer = cast("Callable[..., tuple[Tensor]]", self.transformer)
        return transformer(
            hidden_states=tokens,
            timestep=timesteps.to(tokens.dtype) / _TIMESTEPS,
            guidance=guidance if self.guided else None,
            pooled_projections=pooled,
            encoder_hidden_states=text,
            txt_ids=text_ids[0],
            img_ids=picture_ids[0],
            return_dict=False,
        )[0]


class KleinCall(nn.Module):
    """(N, S, 128) tokens of picture and references; gives the velocity of all S.

    After it: (N,) timesteps, (N, T, width) text, (N, T, 4) text ids, (N, S, 4) picture ids. All
    rows have the ids of the first.
    """

    def __init__(self, transformer: nn.Module) -> None:
        super().__init__()
        self.transformer = transformer

    def forward(
        self,
        tokens: Tensor,
        timesteps: Tensor,
        text: Tensor,
        text_ids: Tensor,
        picture_ids: Tensor,
    ) -> Tensor:
        """Predict the velocity."""
        transformer = cast("Callable[..., tuple[Tensor]]", self.transformer)
        return transformer(
            hidden_states=tokens,
            timestep=timesteps.to(tokens.dtype) / _TIMESTEPS,
            guidance=None,
            encoder_hidden_states=text,
            txt_ids=text_ids[0],
            img_ids=picture_ids[0],
            return_dict=False,
        )[0]


class EncodeCall(nn.Module):
    """(N, 3, H, W) pixels in [-1, 1]; gives (N, 2 C, H/8, W/8): mean, then log of variance.

    `DiagonalGaussianDistribution` of diffusers takes that.
    """

    def __init__(self, vae: nn.Module) -> None:
        super().__init__()
        self.vae = vae

    def forward(self, pixels: Tensor) -> Tensor:
        """Encode, without a draw and without the model's scaling."""
        encode = cast("Callable[[Tensor], _Encoding]", self.vae.encode)
        return encode(pixels).latent_dist.parameters


class DecodeCall(nn.Module):
    """(N, C, h, w) latents with the model's scaling undone; gives (N, 3, 8 h, 8 w) pixels."""

    def __init__(self, vae: nn.Module) -> None:
        super().__init__()
        self.vae = vae

    def forward(self, latents: Tensor) -> Tensor:
        """Decode to pixels, nominally in [-1, 1]."""
        decode = cast("Callable[..., tuple[Tensor]]", self.vae.decode)
        return decode(latents, return_dict=False)[0]


class TextCall(nn.Module):
    """(N, T) token ids; gives the last states (N, T, width) of CLIP or T5."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, ids: Tensor) -> Tensor:
        """Encode without a mask, as these models were trained."""
        return cast("Callable[[Tensor], _States]", self.encoder)(ids)[0]


class MaskedTextCall(nn.Module):
    """(N, T) token ids, (N, T) mask; gives the last states (N, T, width) of CLIP."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Encode what the mask leaves, for weights whose config says `use_attention_mask`."""
        return cast("Callable[..., _States]", self.encoder)(ids, attention_mask=mask)[0]


class PooledTextCall(nn.Module):
    """(N, T) token ids; gives (N, width), CLIP's summary of the text."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, ids: Tensor) -> Tensor:
        """Encode and pool."""
        return cast("Callable[[Tensor], _States]", self.encoder)(ids).pooler_output


class QwenTextCall(nn.Module):
    """(N, T) token ids, (N, T) mask; gives (N, T, 3 x width), three layers side by side."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Encode as klein's text."""
        encoder = cast("Callable[..., _States]", self.encoder)
        answer = encoder(ids, attention_mask=mask, output_hidden_states=True, use_cache=False)
        return torch.cat([answer.hidden_states[layer] for layer in _QWEN_LAYERS], dim=-1)
