"""Small pictures of an engine, to be held against each other."""

from pathlib import Path

import torch
from PIL import Image
from safetensors.torch import (
    load_file,  # pyright: ignore[reportUnknownVariableType]  # a bare PathLike of theirs
    save_file,  # pyright: ignore[reportUnknownVariableType]  # likewise
)
from tests.engine.making import pictures
from torch import Tensor

from darkroom.domain.families import Family
from darkroom.engine.interface import Engine, Order


def loaded(file: Path) -> dict[str, Tensor]:
    """The tensors of a file, by name."""
    return load_file(file)


def saved(tensors: dict[str, Tensor], file: Path) -> Path:
    """Write tensors to *file*, which is given back."""
    save_file(tensors, file, metadata={"format": "pt"})
    return file


def order_for(family: Family, photo: Image.Image) -> Order:
    """A small order that *family* takes."""
    size = photo.size if family is Family.STABLE_DIFFUSION else (64, 64)
    return Order(
        prompt="a lighthouse",
        width=size[0],
        height=size[1],
        images=(photo.resize(size),),
        steps=3,
        strength=0.8,
        guidance=3.0,
        seed=7,
    )


def drawn(engine: Engine, order: Order) -> bytes:
    """The pixels of the order's one picture."""
    return pictures(engine, order)[0].image.tobytes()


def low_rank(shape: torch.Size, generator: torch.Generator, rank: int = 2) -> tuple[Tensor, Tensor]:
    """Two factors of a change to a weight of *shape*, large enough to be seen."""
    down = torch.randn((rank, shape[1]), generator=generator)
    up = torch.randn((shape[0], rank), generator=generator)
    return down, up
