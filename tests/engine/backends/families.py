"""The tiny models of every family as calls, with inputs of any number of rows."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, cast

import torch
from diffusers.pipelines.flux.pipeline_flux_kontext import FluxKontextPipeline
from diffusers.pipelines.flux2.pipeline_flux2_klein import Flux2KleinPipeline
from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion_img2img import (
    StableDiffusionImg2ImgPipeline,
)
from torch import Tensor, nn

from darkroom.domain.families import Family
from darkroom.engine.backends.calls import (
    DecodeCall,
    EncodeCall,
    KleinCall,
    KontextCall,
    PooledTextCall,
    QwenTextCall,
    TextCall,
    UNetCall,
)
from darkroom.engine.edge import PipelineKind, quieten

WIDTH = 32
"""Of every tiny text state."""


class Parts(Protocol):
    unet: nn.Module
    transformer: nn.Module
    vae: nn.Module
    text_encoder: nn.Module
    text_encoder_2: nn.Module


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One call; `inputs` makes as many rows as asked, and the rows of another geometry."""

    name: str
    call: Callable[[Parts], nn.Module]
    inputs: Callable[[int], tuple[Tensor, ...]]
    larger: Callable[[int], tuple[Tensor, ...]]
    denoiser: bool = False


def load(family: Family, folder: Path, dtype: torch.dtype = torch.float32) -> Parts:
    kinds: dict[Family, object] = {
        Family.STABLE_DIFFUSION: StableDiffusionImg2ImgPipeline,
        Family.FLUX_KONTEXT: FluxKontextPipeline,
        Family.FLUX2_KLEIN: Flux2KleinPipeline,
    }
    quieten()
    kind = cast("PipelineKind", kinds[family])
    pipeline = kind.from_pretrained(
        str(folder), local_files_only=True, use_safetensors=True, dtype=dtype
    )
    return cast("Parts", pipeline)


def _noise(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(shape[0]))


def _times(rows: int) -> Tensor:
    return torch.linspace(20.0, 980.0, rows)


def _tokens(rows: int, length: int) -> tuple[Tensor, ...]:
    ids = torch.randint(0, 90, (rows, length), generator=torch.Generator().manual_seed(rows))
    return (ids,)


def _masked(rows: int, length: int) -> tuple[Tensor, ...]:
    mask = torch.ones(rows, length, dtype=torch.int64)
    mask[:, length // 2 :] = 0
    return (*_tokens(rows, length), mask)


def _grid(rows: int, high: int, wide: int, axes: int) -> Tensor:
    down, right = torch.meshgrid(torch.arange(high), torch.arange(wide), indexing="ij")
    ids = torch.zeros(high * wide, axes)
    ids[:, 1], ids[:, 2] = down.flatten(), right.flatten()
    return ids.expand(rows, -1, -1)


def _unet(rows: int, side: int) -> tuple[Tensor, ...]:
    return _noise(rows, 4, side, side + 4), _times(rows), _noise(rows, 77, WIDTH)


def _kontext(rows: int, side: int) -> tuple[Tensor, ...]:
    return (
        _noise(rows, side * side, 16),
        _times(rows),
        torch.linspace(1.0, 4.0, rows),
        _noise(rows, WIDTH),
        _noise(rows, 12, WIDTH),
        torch.zeros(rows, 12, 3),
        _grid(rows, side, side, 3),
    )


def _klein(rows: int, side: int, channels: int, width: int) -> tuple[Tensor, ...]:
    return (
        _noise(rows, side * side, channels),
        _times(rows),
        _noise(rows, 12, width),
        _grid(rows, 1, 12, 4),
        _grid(rows, side, side, 4),
    )


def _vae(latents: int) -> list[Case]:
    return [
        Case(
            name="encode",
            call=lambda parts: EncodeCall(parts.vae),
            inputs=lambda rows: (_noise(rows, 3, 64, 96).clamp(-1, 1),),
            larger=lambda rows: (_noise(rows, 3, 96, 96).clamp(-1, 1),),
        ),
        Case(
            name="decode",
            call=lambda parts: DecodeCall(parts.vae),
            inputs=lambda rows: (_noise(rows, latents, 8, 12),),
            larger=lambda rows: (_noise(rows, latents, 12, 12),),
        ),
    ]


def _text(name: str, call: Callable[[Parts], nn.Module], length: int) -> Case:
    return Case(
        name=name,
        call=call,
        inputs=lambda rows: _tokens(rows, length),
        larger=lambda rows: _tokens(rows, length),
    )


CASES: dict[Family, list[Case]] = {
    Family.STABLE_DIFFUSION: [
        Case(
            name="unet",
            call=lambda parts: UNetCall(parts.unet),
            inputs=lambda rows: _unet(rows, 8),
            larger=lambda rows: _unet(rows, 12),
            denoiser=True,
        ),
        _text("text", lambda parts: TextCall(parts.text_encoder), 77),
        *_vae(4),
    ],
    Family.FLUX_KONTEXT: [
        Case(
            name="transformer",
            call=lambda parts: KontextCall(parts.transformer),
            inputs=lambda rows: _kontext(rows, 4),
            larger=lambda rows: _kontext(rows, 6),
            denoiser=True,
        ),
        _text("pooled", lambda parts: PooledTextCall(parts.text_encoder), 77),
        _text("text", lambda parts: TextCall(parts.text_encoder_2), 16),
        *_vae(4),
    ],
    Family.FLUX2_KLEIN: [
        Case(
            name="transformer",
            call=lambda parts: KleinCall(parts.transformer),
            inputs=lambda rows: _klein(rows, 4, 16, 48),
            larger=lambda rows: _klein(rows, 6, 16, 48),
            denoiser=True,
        ),
        Case(
            name="text",
            call=lambda parts: QwenTextCall(parts.text_encoder),
            inputs=lambda rows: _masked(rows, 16),
            larger=lambda rows: _masked(rows, 16),
        ),
        *_vae(4),
    ],
}
ALL = [(family, case) for family, cases in CASES.items() for case in cases]
DENOISERS = [(family, case) for family, case in ALL if case.denoiser]


def told(family: Family, case: Case) -> str:
    """For the names of tests."""
    return f"{family}-{case.name}"
