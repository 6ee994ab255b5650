"""What an operator's entry says of checking, and what follows for the version."""

import re
from collections.abc import Mapping

import pytest

from darkroom.domain.errors import InvalidSetting
from darkroom.domain.model import Model, Version
from darkroom.service.catalogue import load_catalogue

SD = "stability-ai/stable-diffusion-img2img"
MULTI = "flux-kontext-apps/multi-image-kontext-pro"
DEV = "black-forest-labs/flux-kontext-dev"
KLEIN = {"runner": "diffusers", "family": "flux2-klein", "weights": "./klein"}
PORTRAITS = {"runner": "diffusers", "family": "stable-diffusion", "weights": "./portraits"}
SHIPPED = {
    "safety_checker": "hf://CompVis/stable-diffusion-safety-checker@refs/pr/41",
    "nsfw_classifier": "hf://Falconsai/nsfw_image_detection",
}


def _declared(entry: Mapping[str, object], name: str = "acme/own") -> tuple[Model, Version]:
    return load_catalogue({name: entry}).resolve(name)


def _safety(version: Version) -> dict[str, str]:
    plain = {"family", "schema", "weights"}
    return {key: text for key, text in version.config.items() if key not in plain}


@pytest.mark.parametrize(("path", "told"), [(SD, {}), (MULTI, SHIPPED), (DEV, SHIPPED)])
def test_what_ships_is_checked_as_what_it_stands_in_for(path: str, told: dict[str, str]) -> None:
    assert _safety(load_catalogue({}).resolve(path)[1]) == told


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        (KLEIN, SHIPPED),
        ({**KLEIN, "safety": True}, SHIPPED),
        ({**KLEIN, "safety": False}, {"safety": "off"}),
        ({**KLEIN, "allow_unchecked": True}, {**SHIPPED, "allow_unchecked": "yes"}),
        ({**KLEIN, "nsfw_classifier": "./falcon"}, {"nsfw_classifier": "./falcon"}),
        (
            {**KLEIN, "safety_checker": "hf://a/b@v1", "nsfw_classifier": "./falcon"},
            {"safety_checker": "hf://a/b@v1", "nsfw_classifier": "./falcon"},
        ),
        ({**KLEIN, "previews": False}, {**SHIPPED, "previews": "off"}),
        ({**PORTRAITS, "safety": False, "previews": False}, {"safety": "off", "previews": "off"}),
        (PORTRAITS, {}),
        ({**PORTRAITS, "safety": True}, SHIPPED),
        ({**PORTRAITS, "safety": False}, {"safety": "off"}),
        ({**PORTRAITS, "safety_checker": "./checker"}, {"safety_checker": "./checker"}),
    ],
    ids=str,
)
def test_an_entry_says_what_checks_its_pictures(
    entry: dict[str, object], told: dict[str, str]
) -> None:
    assert _safety(_declared(entry)[1]) == told


@pytest.mark.parametrize("path", [MULTI, DEV])
def test_a_built_in_name_can_be_switched_off_and_keeps_its_version(path: str) -> None:
    entry = {"runner": "diffusers", "family": "flux2-klein", "safety": False}
    version = _declared(entry, path)[1]
    assert _safety(version) == {"safety": "off"}
    assert version.id == load_catalogue({}).resolve(path)[1].id


def test_a_switch_makes_another_version_and_another_address_does_not() -> None:
    def id_of(**changes: object) -> str:
        return _declared({**KLEIN, **changes})[1].id

    assert id_of() == id_of(nsfw_classifier="./falcon") == id_of(safety=True)
    assert id_of() == id_of(previews=False)
    assert len({id_of(), id_of(safety=False), id_of(allow_unchecked=True)}) == 3


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        (
            KLEIN,
            "checked by `hf://CompVis/.*` and `hf://Falconsai/.*`; what both flag is kept back",
        ),
        (
            {**KLEIN, "nsfw_classifier": "./falcon"},
            r"by `./falcon`; what it flags is kept back\.\n",
        ),
        ({**KLEIN, "allow_unchecked": True}, "kept back.*a request may do without"),
        ({**KLEIN, "safety": False}, "switched the checks off"),
        (PORTRAITS, "No checker is set up"),
    ],
)
def test_a_readme_says_how_pictures_are_checked(entry: dict[str, object], words: str) -> None:
    model, _ = _declared(entry)
    assert re.search(words, model.readme)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"safety": "maybe"}, "^models.acme/own.safety is 'maybe'; it must be on or off$"),
        ({"allow_unchecked": 1}, "models.acme/own.allow_unchecked is 1; it must be on or off"),
        ({"safety_checker": "https://x/y"}, "models.acme/own.safety_checker: must be hf://"),
        (
            {"safety_checker": "hf://a/b/model.safetensors"},
            "models.acme/own.safety_checker: .* is a single file",
        ),
        ({"nsfw_classifier": ""}, "models.acme/own.nsfw_classifier: must be hf://"),
        (
            {"safety": False, "nsfw_classifier": "./x"},
            "models.acme/own.nsfw_classifier: `safety: off` uses no checker",
        ),
    ],
)
def test_a_mistake_names_the_entry_and_the_key(change: dict[str, object], words: str) -> None:
    with pytest.raises(InvalidSetting, match=words):
        _declared({**KLEIN, **change})
