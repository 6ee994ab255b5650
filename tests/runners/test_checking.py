"""Which pictures a run may show, and what it says otherwise; checkers flag all or none."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import torch
from PIL import Image
from tests.support.checkers import certain, changed, every_concept

from darkroom.domain.errors import InvalidSetting, RunFailed, WeightsUnavailable
from darkroom.domain.families import Schema
from darkroom.domain.model import JsonScalar
from darkroom.engine.interface import Picture
from darkroom.engine.safety import SafetyChecker
from darkroom.engine.safety_loading import load_checker
from darkroom.engine.tiny_safety import tiny_classifier, tiny_concepts, write_classifier
from darkroom.runners.diffusers.checking import Checking, checking
from darkroom.runners.diffusers.safety_setup import Safety, load_safety

CPU = torch.device("cpu")
GREY = Image.new("RGB", (64, 48), (120, 120, 120))
PLAIN, FLAGGED = Picture(GREY, flagged=False), Picture(GREY, flagged=True)
E005 = (
    "The input or output was flagged as sensitive. Please try again with different inputs. (E005)"
)
ALL_NSFW = (
    "All generated images contained NSFW content. Try running it again with a different prompt."
)
NSFW = "NSFW content detected. Try running it again, or try a different prompt."


@pytest.fixture(scope="module")
def within(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("checkers")


@pytest.fixture(scope="module")
def lenient(within: Path) -> SafetyChecker:
    return load_checker(tiny_concepts(within), tiny_classifier(within), CPU)


@pytest.fixture(scope="module")
def strict(within: Path) -> SafetyChecker:
    concepts = changed(tiny_concepts(within), within / "strict", every_concept)
    classifier = changed(tiny_classifier(within), within / "certain", certain(0.99))
    return load_checker(concepts, classifier, CPU)


@pytest.fixture(scope="module")
def torn(within: Path) -> SafetyChecker:
    """Holds every picture for NSFW with a probability of 0.4."""
    return load_checker(None, changed(tiny_classifier(within), within / "torn", certain(0.4)), CPU)


@dataclass
class Run:
    """A run's checking, and what it has logged."""

    schema: Schema
    safety: Safety
    values: Mapping[str, JsonScalar] = field(default_factory=dict[str, JsonScalar])
    sent: Mapping[str, Image.Image] = field(default_factory=dict[str, Image.Image])
    lines: list[str] = field(default_factory=list[str])

    def begin(self) -> Checking:
        return checking(self.schema, self.safety, self.values, self.sent, self.lines.append)

    def outputs(self, *pictures: Picture) -> list[bool]:
        checks = self.begin()
        shown = [checks.output(picture, index) for index, picture in enumerate(pictures)]
        assert checks.end() == sum(shown)
        return shown


def test_kontext_dev_counts_what_is_safe(lenient: SafetyChecker) -> None:
    run = Run(Schema.KONTEXT_DEV, Safety(checker=lenient))
    assert run.outputs(PLAIN) == [True]
    assert run.lines == ["Total safe images: 1 out of 1"]


@pytest.mark.parametrize(
    ("schema", "told"),
    [
        (Schema.KONTEXT_DEV, ALL_NSFW),
        (Schema.MULTI_IMAGE_KONTEXT, E005),
        (Schema.SD_IMG2IMG, NSFW),
    ],
)
def test_a_run_with_nothing_to_show_fails_in_the_words_of_its_original(
    strict: SafetyChecker, schema: Schema, told: str
) -> None:
    run = Run(schema, Safety(checker=strict))
    checks = run.begin()
    assert not checks.output(PLAIN, 0)
    with pytest.raises(RunFailed) as failed:
        checks.end()
    assert str(failed.value) == told
    assert run.lines == ["NSFW content detected in image 0"]


def test_of_several_pictures_only_the_flagged_are_left_out() -> None:
    run = Run(Schema.SD_IMG2IMG, Safety())
    assert run.outputs(PLAIN, FLAGGED, PLAIN) == [True, False, True]
    assert run.lines == ["NSFW content detected in image 1"]


def test_multi_image_looks_at_what_was_sent(strict: SafetyChecker, lenient: SafetyChecker) -> None:
    sent = {"input_image_1": GREY, "input_image_2": GREY}
    Run(Schema.MULTI_IMAGE_KONTEXT, Safety(checker=lenient), sent=sent).begin().inputs()
    run = Run(Schema.MULTI_IMAGE_KONTEXT, Safety(checker=strict), sent=sent)
    with pytest.raises(RunFailed) as failed:
        run.begin().inputs()
    assert str(failed.value) == E005
    assert run.lines == ["NSFW content detected in input_image_1"]


@pytest.mark.parametrize("schema", [Schema.KONTEXT_DEV, Schema.SD_IMG2IMG])
def test_the_others_look_at_what_they_made_alone(strict: SafetyChecker, schema: Schema) -> None:
    Run(schema, Safety(checker=strict), sent={"image": GREY}).begin().inputs()


@pytest.mark.parametrize(("tolerance", "shown"), [(0, False), (1, False), (2, True), (None, True)])
def test_safety_tolerance_decides_what_multi_image_shows(
    torn: SafetyChecker, tolerance: int | None, *, shown: bool
) -> None:
    values: dict[str, JsonScalar] = {"safety_tolerance": tolerance}
    run = Run(Schema.MULTI_IMAGE_KONTEXT, Safety(checker=torn), values)
    assert run.begin().output(PLAIN, 0) is shown


@pytest.mark.parametrize("tolerance", [-1, 7])
def test_a_tolerance_that_does_not_exist_is_told(lenient: SafetyChecker, tolerance: int) -> None:
    values: dict[str, JsonScalar] = {"safety_tolerance": tolerance}
    with pytest.raises(RunFailed, match="safety_tolerance must be from 0 to 6, but is"):
        Run(Schema.MULTI_IMAGE_KONTEXT, Safety(checker=lenient), values).begin()


# ── who may do without ──────────────────────────────────────────────────────────────────────

DISABLED: Mapping[str, JsonScalar] = {"disable_safety_checker": True}


def test_disabling_has_an_effect_if_the_operator_allows_it(strict: SafetyChecker) -> None:
    safety = Safety(checker=strict, allow_unchecked=True)
    run = Run(Schema.KONTEXT_DEV, safety, DISABLED)
    assert run.outputs(FLAGGED) == [True]
    assert run.lines == ["disable_safety_checker: the pictures of this run are not checked."]


def test_disabling_has_no_effect_otherwise_and_the_log_says_so(strict: SafetyChecker) -> None:
    run = Run(Schema.KONTEXT_DEV, Safety(checker=strict), DISABLED)
    with pytest.raises(RunFailed, match="All generated images"):
        run.outputs(PLAIN)
    assert run.lines[0].startswith("disable_safety_checker has no effect here")


def test_where_it_is_allowed_a_run_is_checked_all_the_same_unless_it_asks(
    strict: SafetyChecker,
) -> None:
    safety = Safety(checker=strict, allow_unchecked=True)
    run = Run(Schema.KONTEXT_DEV, safety, {"disable_safety_checker": False})
    assert not run.begin().output(PLAIN, 0)


@pytest.mark.parametrize("schema", Schema)
def test_what_the_operator_switched_off_is_told_in_every_log(schema: Schema) -> None:
    run = Run(schema, Safety(off=True), sent={"input_image_1": GREY})
    run.begin().inputs()
    assert run.outputs(FLAGGED) == [True]  # not by the checker of the weights either
    assert set(run.lines) == {
        "The operator has switched the safety checker off: nothing is checked."
    }


@pytest.mark.parametrize(
    ("schema", "lines"),
    [
        (Schema.SD_IMG2IMG, []),  # its original has none
        (Schema.KONTEXT_DEV, ["No safety checker is set up for this model: nothing is checked."]),
    ],
)
def test_a_model_without_a_checker_says_so_if_its_original_has_one(
    schema: Schema, lines: list[str]
) -> None:
    run = Run(schema, Safety())
    assert run.outputs(PLAIN) == [True]
    assert run.lines == lines


# ── the configuration ───────────────────────────────────────────────────────────────────────

HUB = {
    "safety_checker": "hf://CompVis/stable-diffusion-safety-checker",
    "nsfw_classifier": "hf://Falconsai/nsfw_image_detection",
}


def test_without_keys_there_is_no_checker() -> None:
    assert load_safety({"weights": "/models/own"}, CPU) == Safety()


def test_off_loads_nothing() -> None:
    config = {"safety": "off", "allow_unchecked": "yes", "safety_checker": "/nowhere"}
    assert load_safety(config, CPU) == Safety(off=True, allow_unchecked=True)


@pytest.mark.parametrize("keys", [HUB, dict.fromkeys(HUB, "tiny")])
def test_checkers_are_tiny_where_the_weights_are(tmp_path: Path, keys: dict[str, str]) -> None:
    config = {"weights": "tiny", "tiny_folder": str(tmp_path), **keys}
    checker = load_safety(config, CPU).checker
    assert checker is not None
    assert not checker.flags(GREY)
    assert len(list(tmp_path.iterdir())) == 2


def test_tiny_checkers_need_a_place() -> None:
    with pytest.raises(InvalidSetting, match="lacks `tiny_folder`"):
        load_safety({"nsfw_classifier": "tiny"}, CPU)


def test_a_folder_is_taken_as_it_is(tmp_path: Path) -> None:
    write_classifier(tmp_path / "own")
    safety = load_safety({"nsfw_classifier": str(tmp_path / "own"), "allow_unchecked": "yes"}, CPU)
    assert safety.checker is not None
    assert safety.allow_unchecked


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("/nowhere/falcon", "no safety checker in /nowhere/falcon"),
        (HUB["nsfw_classifier"], "Falconsai"),
    ],
)
def test_a_checker_that_cannot_be_had_is_no_reason_to_go_without(address: str, told: str) -> None:
    with pytest.raises(WeightsUnavailable, match=f"{told}.*`safety: off`"):
        load_safety({"weights": "/models/klein", "nsfw_classifier": address}, CPU)
