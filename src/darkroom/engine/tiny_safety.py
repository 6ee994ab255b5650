"""Tiny safety checkers with random weights, made offline; they flag nothing."""

from pathlib import Path
from typing import Protocol

import diffusers
import torch
from torch import Tensor
from transformers import ViTConfig, ViTForImageClassification, ViTImageProcessorPil

from darkroom.engine.edge import Saveable, built, seeded
from darkroom.engine.tiny import SEED, made_once
from darkroom.engine.tiny_stable_diffusion import concept_checker, concept_processor
from darkroom.engine.tiny_tokenizers import clip_tokenizer

RECIPE = 1  # raise it when a recipe changes, so that folders made before are not used
_SIDE = 32  # pixels of the picture that the classifier looks at
_CERTAINTY = 4.0  # logits that `normal` is ahead by, so that no tolerance flags


class _Head(Protocol):
    bias: Tensor


class _Classifier(Saveable, Protocol):
    classifier: _Head


def tiny_concepts(within: Path) -> Path:
    """The folder of the tiny first stage, made within *within* unless it is there."""
    return made_once(_folder(within, "safety-checker"), write_concepts)


def tiny_classifier(within: Path) -> Path:
    """The folder of the tiny second stage, made within *within* unless it is there."""
    return made_once(_folder(within, "nsfw-classifier"), write_classifier)


def write_concepts(folder: Path) -> None:
    """Write the first stage into *folder*: the same weights every time."""
    with seeded(SEED):
        model = concept_checker(clip_tokenizer())
    for part in (model, concept_processor()):
        part.save_pretrained(str(folder))


def write_classifier(folder: Path) -> None:
    """Write the second stage into *folder*: the same weights every time."""
    with seeded(SEED):
        model = built(_Classifier, ViTForImageClassification, config=_config())
    with torch.no_grad():
        model.classifier.bias.copy_(torch.tensor([_CERTAINTY, 0.0]))
    size = {"height": _SIDE, "width": _SIDE}
    for part in (model, built(Saveable, ViTImageProcessorPil, size=size)):
        part.save_pretrained(str(folder))


def _folder(within: Path, name: str) -> Path:
    return within / f"{name}-{RECIPE}-{diffusers.__version__}"


def _config() -> object:
    return built(
        object,
        ViTConfig,
        hidden_size=32,
        intermediate_size=64,
        num_attention_heads=2,
        num_hidden_layers=1,
        image_size=_SIDE,
        patch_size=_SIDE // 2,
        id2label={0: "normal", 1: "nsfw"},
        label2id={"normal": 0, "nsfw": 1},
    )
