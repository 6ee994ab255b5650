"""The two-stage safety checker, with tiny weights whose thresholds flag all or nothing."""

import math
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest
import torch
from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
from PIL import Image
from safetensors.torch import (
    load_file,  # pyright: ignore[reportUnknownVariableType]  # a bare PathLike of theirs
    save_file,  # pyright: ignore[reportUnknownVariableType]  # likewise
)
from tests.support.checkers import Change, certain, changed, every_concept
from torch import Tensor
from transformers import CLIPImageProcessorPil

from darkroom.domain.errors import WeightsUnavailable
from darkroom.engine.edge import built
from darkroom.engine.safety import (
    DEFAULT_TOLERANCE,
    TOLERANCES,
    Processor,
    SafetyChecker,
    Threshold,
)
from darkroom.engine.safety_loading import load_checker
from darkroom.engine.tiny_safety import tiny_classifier, tiny_concepts

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def concepts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_concepts(tmp_path_factory.mktemp("checkers"))


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_classifier(tmp_path_factory.mktemp("checkers"))


@pytest.fixture
def strict_concepts(concepts: Path, tmp_path: Path) -> Path:
    return changed(concepts, tmp_path / "strict-concepts", every_concept)


@pytest.fixture
def strict_classifier(classifier: Path, tmp_path: Path) -> Path:
    return changed(classifier, tmp_path / "strict-classifier", certain(0.99))


def test_tiny_checkers_flag_nothing_whatever_the_tolerance(
    concepts: Path, classifier: Path, photo: Image.Image
) -> None:
    for alone in (load_checker(concepts, None, CPU), load_checker(None, classifier, CPU)):
        assert not any(alone.flags(photo, tolerance=one) for one in range(len(TOLERANCES)))


def test_a_picture_is_kept_back_only_if_both_flag_it(
    concepts: Path,
    classifier: Path,
    strict_concepts: Path,
    strict_classifier: Path,
    photo: Image.Image,
) -> None:
    def flags(first: Path | None, second: Path | None) -> bool:
        return load_checker(first, second, CPU).flags(photo)

    assert flags(strict_concepts, strict_classifier)
    assert not flags(strict_concepts, classifier)
    assert not flags(concepts, strict_classifier)
    assert flags(strict_concepts, None)
    assert flags(None, strict_classifier)


def test_a_checker_without_stages_makes_no_sense() -> None:
    with pytest.raises(ValueError, match="at least one stage"):
        load_checker(None, None, CPU)


def test_what_a_checker_takes_are_the_tensors_of_both_stages(
    concepts: Path, classifier: Path
) -> None:
    files = [folder / "model.safetensors" for folder in (concepts, classifier)]
    stored = sum(one.nbytes for file in files for one in load_file(file).values())
    taken = load_checker(concepts, classifier, CPU).weights_bytes
    assert stored <= taken < 1.05 * stored


def test_the_picture_is_not_painted_over(strict_concepts: Path, photo: Image.Image) -> None:
    before = photo.tobytes()
    assert load_checker(strict_concepts, None, CPU).flags(photo)
    assert photo.tobytes() == before


# ── tolerance ───────────────────────────────────────────────────────────────────────────────


def test_the_documented_thresholds_are_those_that_are_used() -> None:
    page = (Path(__file__).parents[2] / "docs" / "safety.md").read_text("utf-8").replace("**", "")
    rows = re.findall(r"^\| (\d) \| (-?[\d.]+) \| ([\d.]+) \|$", page, re.MULTILINE)
    assert [int(tolerance) for tolerance, _, _ in rows] == list(range(len(TOLERANCES)))
    assert [Threshold(float(shift), float(chance)) for _, shift, chance in rows] == [*TOLERANCES]


def test_less_tolerance_never_flags_less() -> None:
    assert len(TOLERANCES) == 7
    assert (TOLERANCES[DEFAULT_TOLERANCE].adjustment, DEFAULT_TOLERANCE) == (0.0, 2)
    assert TOLERANCES[DEFAULT_TOLERANCE].probability == 0.5
    adjustments = [one.adjustment for one in TOLERANCES]
    probabilities = [one.probability for one in TOLERANCES]
    assert adjustments == sorted(set(adjustments), reverse=True)
    assert probabilities == sorted(set(probabilities))


def test_tolerance_shifts_where_the_classifier_flags(
    classifier: Path, tmp_path: Path, photo: Image.Image
) -> None:
    torn = changed(classifier, tmp_path / "torn", certain(0.6))
    checker = load_checker(None, torn, CPU)
    flagged = [checker.flags(photo, tolerance=one) for one in range(7)]
    assert flagged == [True, True, True, False, False, False, False]


def _scores(folder: Path, photo: Image.Image) -> tuple[Tensor, Tensor]:
    """Cosines to the concepts and to those of special care, by the library's own model."""
    model = _library(folder)
    looked = model.visual_projection(model.vision_model(_pixels(photo))[1])
    concepts, special = (
        torch.cosine_similarity(looked, one).detach()
        for one in (model.concept_embeds, model.special_care_embeds)
    )
    return concepts, special


def _library(folder: Path) -> StableDiffusionSafetyChecker:
    kind = cast("Callable[[str], StableDiffusionSafetyChecker]",
                StableDiffusionSafetyChecker.from_pretrained)  # fmt: skip
    return kind(str(folder))


def _pixels(photo: Image.Image) -> Tensor:
    side = {"height": 32, "width": 32}
    processor = built(
        Processor,
        CLIPImageProcessorPil,
        size={"shortest_edge": 32},
        crop_size=side,
    )
    return processor(photo, return_tensors="pt").pixel_values


def _beyond(photo: Image.Image, folder: Path, by: float, special: float = -1.0) -> Change:
    """Thresholds that a picture passes by so much with its last concept alone."""
    found, care = _scores(folder, photo)

    def change(tensors: dict[str, Tensor]) -> None:
        tensors["concept_embeds_weights"][-1] = found[-1] - by
        tensors["special_care_embeds_weights"][-1] = care[-1] - special

    return change


@pytest.mark.parametrize(
    ("by", "special", "most"),
    [(0.005, -1.0, 2), (-0.005, -1.0, 1), (-0.015, -1.0, 0), (0.035, -1.0, 5), (-0.005, 0.3, 2)],
    ids=str,
)
def test_tolerance_shifts_where_a_concept_is_found(
    concepts: Path, tmp_path: Path, photo: Image.Image, by: float, special: float, most: int
) -> None:
    folder = changed(concepts, tmp_path / "near", _beyond(photo, concepts, by, special))
    checker = load_checker(folder, None, CPU)
    assert [checker.flags(photo, tolerance=one) for one in range(7)] == [
        one <= most for one in range(7)
    ]


@pytest.mark.parametrize("by", [0.0004, 0.0006, -0.0094, -0.0096, 0.2, -0.2])
@pytest.mark.parametrize("special", [-1.0, 0.3])
def test_the_usual_tolerance_decides_as_the_library_does(
    concepts: Path, tmp_path: Path, photo: Image.Image, by: float, special: float
) -> None:
    folder = changed(concepts, tmp_path / "near", _beyond(photo, concepts, by, special))
    call = cast("Callable[..., tuple[object, list[bool]]]", _library(folder))
    theirs = call(clip_input=_pixels(photo), images=torch.zeros(1, 3, 8, 8))[1]
    assert [load_checker(folder, None, CPU).flags(photo)] == theirs


def test_scores_that_are_no_numbers_flag(
    concepts: Path, classifier: Path, tmp_path: Path, photo: Image.Image
) -> None:
    spoilt = [
        changed(
            concepts, tmp_path / "a", lambda it: it["visual_projection.weight"].fill_(math.nan)
        ),
        changed(classifier, tmp_path / "b", lambda it: it["classifier.bias"].fill_(math.nan)),
    ]
    assert load_checker(spoilt[0], None, CPU).flags(photo)
    assert load_checker(None, spoilt[1], CPU).flags(photo)


# ── folders ─────────────────────────────────────────────────────────────────────────────────


def test_names_of_tensors_as_published_are_understood(
    strict_concepts: Path, tmp_path: Path, photo: Image.Image
) -> None:
    """Published files are older than the library, which has renamed its parts since."""

    def change(tensors: dict[str, Tensor]) -> None:
        for name in [one for one in tensors if one.startswith("vision_model.")]:
            tensors[f"vision_model.{name}"] = tensors.pop(name)
        tensors["vision_model.vision_model.embeddings.position_ids"] = torch.arange(5)[None]

    published = changed(strict_concepts, tmp_path / "published", change)
    assert load_checker(published, None, CPU).flags(photo)


def test_a_folder_without_a_processor_gets_the_usual_one(
    classifier: Path, tmp_path: Path, photo: Image.Image
) -> None:
    folder = changed(classifier, tmp_path / "plain", certain(0.9))
    (folder / "preprocessor_config.json").unlink()
    with pytest.raises(ValueError, match="224"):  # the usual side, and this model has another
        load_checker(None, folder, CPU).flags(photo)


def test_a_processor_as_published_is_understood(
    strict_classifier: Path, photo: Image.Image
) -> None:
    (strict_classifier / "preprocessor_config.json").write_text(
        '{"do_normalize": true, "do_rescale": true, "do_resize": true, "resample": 2,'
        ' "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5],'
        ' "image_processor_type": "ViTImageProcessor",'
        ' "rescale_factor": 0.00392156862745098, "size": {"height": 32, "width": 32}}'
    )
    assert load_checker(None, strict_classifier, CPU).flags(photo)


def _emptied(folder: Path) -> None:
    (folder / "config.json").unlink()


def _pickled(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def _without_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()


def _with_code(folder: Path) -> None:
    (folder / "modeling.py").touch()


def _asking_for_code(folder: Path) -> None:
    text = (folder / "config.json").read_text()
    (folder / "config.json").write_text('{"auto_map": {"AutoModel": "a.B"},' + text.strip()[1:])


def _cut(folder: Path) -> None:
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:1000])


def _incomplete(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    del tensors["visual_projection.weight" if "concept_embeds" in tensors else "classifier.weight"]
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def _with_a_broken_processor(folder: Path) -> None:
    (folder / "preprocessor_config.json").write_text("{")


@pytest.mark.parametrize("stage", ["concepts", "classifier"])
@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (_emptied, "There is no safety checker in"),
        (_pickled, "pickled weights only.*Choose a revision"),
        (_without_weights, "has no weights"),
        (_with_code, "brings code along"),
        (_asking_for_code, "brings code along"),
        (_cut, "does not load"),
        (_incomplete, r"lacks 1 of its tensors, \w+\.weight"),
        (_with_a_broken_processor, "preprocessor_config.json cannot be read"),
    ],
)
def test_weights_that_cannot_be_used_are_told_with_what_to_do(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    stage: str,
    spoil: Callable[[Path], None],
    told: str,
) -> None:
    folder = tmp_path / "spoilt"
    shutil.copytree(cast("Path", request.getfixturevalue(stage)), folder)
    spoil(folder)
    first, second = (folder, None) if stage == "concepts" else (None, folder)
    with pytest.raises(WeightsUnavailable, match=f"(?s){told}.*`safety: off`"):
        load_checker(first, second, CPU)


def test_a_classifier_of_other_classes_is_refused(classifier: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(classifier, tmp_path / "other"))
    config = folder / "config.json"
    config.write_text(config.read_text().replace('"normal"', '"cat"'))
    with pytest.raises(WeightsUnavailable, match="the classes cat, nsfw, and none is `normal`"):
        load_checker(None, folder, CPU)


def test_one_checker_serves_many_pictures(strict_concepts: Path, photo: Image.Image) -> None:
    checker: SafetyChecker = load_checker(strict_concepts, None, CPU)
    assert all(checker.flags(photo.resize(size)) for size in ((8, 8), (300, 20), (64, 1000)))
