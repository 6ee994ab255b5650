"""Whether a picture may be shown: one model looks at all, another only at what the first flags.

A picture is kept back if both flag it. Everything is computed in float32, so that a verdict does
not depend on the precision of the pipeline.

Source: github.com/replicate/cog-flux-kontext, safety_checker.py; diffusers, safety_checker.py.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, cast

import torch
from PIL.Image import Image
from torch import Tensor, nn
from torch.nn.functional import normalize

from darkroom.engine.meters import bytes_of
from darkroom.engine.shortage import shortage

DEFAULT_TOLERANCE = 2
_CARE = 0.01  # added to every concept if one of those of special care is there
_DIGITS = 3  # to which a concept's score is rounded before it is compared with nought


@dataclass(frozen=True, slots=True)
class Threshold:
    """Where the two stages begin to flag.

    Args:
        adjustment: added to the cosine of a picture and each concept; more of it flags more.
        probability: 0 to 1; the classifier flags what it holds for NSFW with more than this.
    """

    adjustment: float
    probability: float


TOLERANCES: Sequence[Threshold] = (
    Threshold(0.02, 0.20),
    Threshold(0.01, 0.35),
    Threshold(0.00, 0.50),
    Threshold(-0.01, 0.65),
    Threshold(-0.02, 0.80),
    Threshold(-0.03, 0.90),
    Threshold(-0.04, 0.95),
)
"""By `safety_tolerance`, 0 the strictest. At 2 both stages decide as the originals do; the
others are of our choosing, for the hosted models do not tell theirs."""


class Processor(Protocol):
    """Scales, cuts and normalizes a picture for a model."""

    def __call__(self, images: Image, *, return_tensors: str) -> "Features":
        """With *return_tensors* `pt`, pixels (1, 3, H, W) in float32."""
        ...


class Features(Protocol):
    """What a processor gives."""

    pixel_values: Tensor


class ConceptModel(Protocol):
    """CLIP's vision tower beside the concepts to be found: 17, and 3 of special care."""

    vision_model: Callable[[Tensor], Sequence[Tensor]]
    visual_projection: Callable[[Tensor], Tensor]
    concept_embeds: Tensor
    concept_embeds_weights: Tensor
    special_care_embeds: Tensor
    special_care_embeds_weights: Tensor


class ClassifierConfig(Protocol):
    """The names of its classes."""

    id2label: dict[int, str]


class ClassifierAnswer(Protocol):
    """What a classifier says of one picture."""

    logits: Tensor


class ClassifierModel(Protocol):
    """A classifier of pictures, one class of which is called `normal`."""

    config: ClassifierConfig

    def __call__(self, pixel_values: Tensor) -> ClassifierAnswer:
        """Logits (1, classes)."""
        ...


@dataclass(frozen=True, slots=True)
class Concepts:
    """The first stage, which compares a picture with concepts.

    Args:
        model: in float32 on *device*.
        processor: its own.
        device: where it computes.
    """

    model: ConceptModel
    processor: Processor
    device: torch.device

    def flags(self, image: Image, threshold: Threshold) -> bool:
        """Whether any concept is nearer than it may be; scores that are no numbers count as so."""
        found = self._embedding(image)
        model, shift = self.model, threshold.adjustment
        special = _above(found, model.special_care_embeds, model.special_care_embeds_weights)
        care = _CARE if _any_above(special, shift) else 0.0
        concepts = _above(found, model.concept_embeds, model.concept_embeds_weights)
        return _any_above(concepts, shift + care)

    def _embedding(self, image: Image) -> Tensor:
        pixels = self.processor(image, return_tensors="pt").pixel_values.to(self.device)
        return self.model.visual_projection(self.model.vision_model(pixels)[1])


@dataclass(frozen=True, slots=True)
class Classifier:
    """The second stage, which tells NSFW from normal.

    Args:
        model: in float32 on *device*.
        processor: its own.
        device: where it computes.
        normal: the number of the class `normal`.
    """

    model: ClassifierModel
    processor: Processor
    device: torch.device
    normal: int

    def flags(self, image: Image, threshold: Threshold) -> bool:
        """Whether it is NSFW with more than that probability; no number counts as so."""
        pixels = self.processor(image, return_tensors="pt").pixel_values.to(self.device)
        normal = self.model(pixels).logits[0].softmax(0)[self.normal].item()
        return not 1.0 - normal <= threshold.probability


class SafetyChecker:
    """Both stages, or one that decides alone. It changes nothing, and any thread may ask it.

    Raises:
        ValueError: there is neither.
    """

    def __init__(self, concepts: Concepts | None, classifier: Classifier | None) -> None:
        stages = [one for one in (concepts, classifier) if one is not None]
        if not stages:
            raise ValueError("a safety checker needs at least one stage")
        self._stages: Sequence[Concepts | Classifier] = stages

    @property
    def weights_bytes(self) -> int:
        """What its weights occupy of their device."""
        return bytes_of(cast("nn.Module", stage.model) for stage in self._stages)

    def flags(self, image: Image, *, tolerance: int = DEFAULT_TOLERANCE) -> bool:
        """Whether to keep *image*, in RGB, back.

        Args:
            image: of any size; it is not painted over.
            tolerance: 0 to 6, an index of `TOLERANCES`.

        Raises:
            NoRoom: the device has no room for it.
        """
        threshold = TOLERANCES[tolerance]
        with torch.inference_mode(), shortage("the safety checker"):
            return all(stage.flags(image, threshold) for stage in self._stages)


def _above(found: Tensor, embeddings: Tensor, thresholds: Tensor) -> Sequence[float]:
    """How far the cosine to each of *embeddings* (N, width) is above its own threshold."""
    cosines = normalize(found) @ normalize(embeddings).T
    return [float(one) for one in (cosines[0] - thresholds).cpu()]


def _any_above(scores: Sequence[float], shift: float) -> bool:
    return not all(round(score + shift, _DIGITS) <= 0 for score in scores)
