"""Copies of tiny safety checkers that flag all, or with a probability of one's choice."""

import math
import shutil
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import (
    load_file,  # pyright: ignore[reportUnknownVariableType]  # a bare PathLike of theirs
    save_file,  # pyright: ignore[reportUnknownVariableType]  # likewise
)
from torch import Tensor

Change = Callable[[dict[str, Tensor]], object]


def changed(folder: Path, to: Path, change: Change) -> Path:
    """A copy of *folder* at *to* whose tensors *change* has changed."""
    shutil.copytree(folder, to)
    file = to / "model.safetensors"
    tensors = load_file(file)
    change(tensors)
    save_file(tensors, file, metadata={"format": "pt"})
    return to


def every_concept(tensors: dict[str, Tensor]) -> None:
    """A first stage that finds every concept in every picture."""
    tensors["concept_embeds_weights"].fill_(-2)


def certain(probability: float) -> Change:
    """A second stage that holds every picture for NSFW with that probability."""

    def change(tensors: dict[str, Tensor]) -> None:
        tensors["classifier.weight"].zero_()
        odds = math.log(probability / (1 - probability))
        tensors["classifier.bias"].copy_(torch.tensor([0.0, odds]))

    return change
