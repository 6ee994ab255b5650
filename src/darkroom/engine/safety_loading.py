"""Folders of the safety checker's weights to a checker.

A folder holds `config.json`, one `.safetensors` file and, with other sizes than usual,
`preprocessor_config.json`: what the hub has in a repository of one model.
"""

import json
from pathlib import Path
from typing import Protocol, TypeVar, cast

import torch
from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
from safetensors import SafetensorError
from transformers import CLIPImageProcessorPil, ViTForImageClassification, ViTImageProcessorPil

from darkroom.domain.errors import WeightsUnavailable
from darkroom.domain.model import Json
from darkroom.domain.weights_layout import CODE_KEYS, PICKLED
from darkroom.engine.edge import built
from darkroom.engine.safety import (
    Classifier,
    ClassifierModel,
    ConceptModel,
    Concepts,
    Processor,
    SafetyChecker,
)
from darkroom.engine.whole import load_model

_NORMAL = "normal"
_CONFIG = "config.json"
_PREPROCESSOR = "preprocessor_config.json"
_OTHERWISE = (
    "name another under `safety_checker` or `nsfw_classifier` in darkroom.yaml, or write"
    " `safety: off` there to go without"
)
_Model = TypeVar("_Model")


class _Placed(Protocol):
    def to(self, device: torch.device) -> object: ...
    def eval(self) -> object: ...


class _ProcessorKind(Protocol):
    def from_pretrained(self, folder: str, *, local_files_only: bool) -> Processor: ...


def load_checker(
    concepts: Path | None, classifier: Path | None, device: torch.device
) -> SafetyChecker:
    """Load one stage or both onto *device*; nothing is fetched, no code of theirs runs.

    Args:
        concepts: a folder with Stable Diffusion's safety checker.
        classifier: a folder with a ViT that tells `normal` from anything else.
        device: where they compute, in float32.

    Raises:
        WeightsUnavailable: they are not there, not whole, pickled or something else.
        ValueError: there is neither.
    """
    first = None if concepts is None else _concepts(concepts, device)
    second = None if classifier is None else _classifier(classifier, device)
    return SafetyChecker(first, second)


def _concepts(folder: Path, device: torch.device) -> Concepts:
    model = _model(ConceptModel, StableDiffusionSafetyChecker, folder, device)
    return Concepts(model, _processor(CLIPImageProcessorPil, folder), device)


def _classifier(folder: Path, device: torch.device) -> Classifier:
    model = _model(ClassifierModel, ViTForImageClassification, folder, device)
    numbers = [number for number, label in model.config.id2label.items() if label == _NORMAL]
    if not numbers:
        labels = ", ".join(model.config.id2label.values())
        raise WeightsUnavailable(
            f"The classifier in {folder} knows the classes {labels}, and none is `{_NORMAL}`;"
            f" {_OTHERWISE}"
        )
    return Classifier(model, _processor(ViTImageProcessorPil, folder), device, numbers[0])


def _model(returns: type[_Model], kind: object, folder: Path, device: torch.device) -> _Model:
    del returns  # names what the caller needs of the model
    _check(folder)
    try:
        model, missing = load_model(kind, folder, torch.float32)
    except (LookupError, OSError, RuntimeError, SafetensorError, TypeError, ValueError) as error:
        raise WeightsUnavailable(
            f"The safety checker in {folder} does not load ({type(error).__name__}: {error}); get"
            f" it once more, {_OTHERWISE}"
        ) from error
    if missing:
        raise WeightsUnavailable(  # they would be random, and so the verdicts
            f"The safety checker in {folder} lacks {len(missing)} of its tensors, {missing[0]} for"
            f" one; {_OTHERWISE}"
        )
    placed = cast("_Placed", model)
    placed.to(device)
    placed.eval()
    return cast("_Model", model)


def _processor(kind: object, folder: Path) -> Processor:
    """The folder's own processor; the usual one of *kind* if it brings none."""
    if not (folder / _PREPROCESSOR).is_file():
        return built(Processor, kind)
    try:
        loaded = cast("_ProcessorKind", kind)
        return loaded.from_pretrained(str(folder), local_files_only=True)
    except (LookupError, OSError, TypeError, ValueError) as error:
        raise WeightsUnavailable(
            f"{folder / _PREPROCESSOR} cannot be read ({type(error).__name__}: {error});"
            f" {_OTHERWISE}"
        ) from error


def _check(folder: Path) -> None:
    """Let nothing in that could run code, and say what is missing."""
    if not (folder / _CONFIG).is_file():
        raise WeightsUnavailable(f"There is no safety checker in {folder}; {_OTHERWISE}")
    suffixes = {file.suffix for file in folder.iterdir()}
    if ".safetensors" not in suffixes:
        held = "pickled weights only, which can run code" if suffixes & PICKLED else "no weights"
        raise WeightsUnavailable(
            f"The safety checker in {folder} has {held}. Choose a revision that has them as"
            f" .safetensors, or convert them; or {_OTHERWISE}"
        )
    if ".py" in suffixes or _asks_for_code(folder / _CONFIG):
        raise WeightsUnavailable(
            f"The safety checker in {folder} brings code along, and such weights are never loaded;"
            f" {_OTHERWISE}"
        )


def _asks_for_code(config: Path) -> bool:
    try:
        value = cast("Json", json.loads(config.read_text("utf-8")))
    except (OSError, ValueError):
        return False  # loading tells what is wrong with it
    return isinstance(value, dict) and bool(CODE_KEYS & value.keys())
