"""Safety checkers that flag all, or with a probability of one's choice, or lack memory."""

import math
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL.Image import Image
from safetensors.torch import (
    load_file,  # pyright: ignore[reportUnknownVariableType]  # a bare PathLike of theirs
    save_file,  # pyright: ignore[reportUnknownVariableType]  # likewise
)
from torch import Tensor

from darkroom.engine.safety import (
    Classifier,
    ClassifierAnswer,
    ClassifierConfig,
    Features,
    SafetyChecker,
)

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


@dataclass
class _Config:
    id2label: dict[int, str]


@dataclass
class _Answer:
    logits: Tensor


@dataclass
class _Features:
    pixel_values: Tensor


class _Hungry:
    """Satisfies `ClassifierModel`: asks so many times for more than there is."""

    config: ClassifierConfig = _Config({0: "normal", 1: "nsfw"})

    def __init__(self, refusals: int) -> None:
        self._refusals = refusals

    def __call__(self, pixel_values: Tensor) -> ClassifierAnswer:
        if self._refusals:
            self._refusals -= 1
            torch.empty(2**60, dtype=torch.uint8)
        return _Answer(torch.tensor([[9.0, -9.0]]).repeat(len(pixel_values), 1))


def _blank(images: Image, *, return_tensors: str) -> Features:
    assert images.width
    assert return_tensors == "pt"
    return _Features(torch.zeros(1, 3, 8, 8))


def hungry(refusals: int) -> SafetyChecker:
    """A checker that flags nothing and lacks memory the first *refusals* times."""
    return SafetyChecker(None, Classifier(_Hungry(refusals), _blank, torch.device("cpu"), 0))
