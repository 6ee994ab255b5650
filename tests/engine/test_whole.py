"""What a folder lacks is told; no library makes it up at random."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import (
    load_file,  # pyright: ignore[reportUnknownVariableType]  # a bare PathLike of theirs
    save_file,  # pyright: ignore[reportUnknownVariableType]  # likewise
)
from torch import Tensor

from darkroom.domain.errors import WeightsUnavailable
from darkroom.domain.families import Family
from darkroom.engine.device import best_device
from darkroom.engine.pipelines import load_pipeline
from darkroom.engine.settings import read_settings
from darkroom.engine.sources import Sources

KONTEXT = Family.FLUX_KONTEXT


def written(folder: Path, part: str, name: Callable[[str], str], **more: Tensor) -> None:
    """Write the tensors of a part anew under other names, with *more* beside them."""
    file = next((folder / part).glob("*.safetensors"))
    kept = {name(old): one for old, one in load_file(file).items()}
    save_file({**kept, **more}, file, metadata={"format": "pt"})


def without(folder: Path, part: str, named: str) -> None:
    """Take every tensor of a part whose name begins so."""
    file = next((folder / part).glob("*.safetensors"))
    kept = {name: one for name, one in load_file(file).items() if not name.startswith(named)}
    save_file(kept, file, metadata={"format": "pt"})


@pytest.mark.parametrize(
    ("family", "part", "named"),
    [
        (Family.STABLE_DIFFUSION, "text_encoder", "encoder.layers.1.layer_norm1.bias"),
        (KONTEXT, "text_encoder", "encoder.layers.1.layer_norm1.bias"),
        (KONTEXT, "text_encoder_2", "encoder.block.1.layer.0.SelfAttention.k.weight"),
        (Family.FLUX2_KLEIN, "text_encoder", "model.layers.20.self_attn.v_proj.weight"),
    ],
)
def test_a_text_encoder_that_lacks_a_tensor_is_refused_by_its_name(
    family: Family, part: str, named: str, tiny: dict[Family, Path], tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(tiny[family], tmp_path / "weights"))
    without(folder, part, named)
    told = f"{folder / part} lacks 1 of its tensors, {named} for one"
    with pytest.raises(WeightsUnavailable, match=re.escape(told)):
        load_pipeline(family, Sources(folder=folder), best_device(read_settings({})))


@pytest.mark.parametrize("part", ["transformer", "vae"])
def test_any_other_part_that_lacks_a_tensor_is_refused_too(
    part: str, tiny: dict[Family, Path], tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(tiny[KONTEXT], tmp_path / "weights"))
    without(folder, part, "transformer_blocks.0.attn." if part == "transformer" else "decoder.conv")
    with pytest.raises(WeightsUnavailable, match=re.escape(f"{folder} do not load")):
        load_pipeline(KONTEXT, Sources(folder=folder), best_device(read_settings({})))


def test_a_head_that_no_picture_needs_may_lack(tiny: dict[Family, Path], tmp_path: Path) -> None:
    klein = Family.FLUX2_KLEIN
    folder = Path(shutil.copytree(tiny[klein], tmp_path / "weights"))
    without(folder, "text_encoder", "lm_head.")
    load_pipeline(klein, Sources(folder=folder), best_device(read_settings({})))


def test_names_of_tensors_as_they_were_published_are_whole(
    tiny: dict[Family, Path], tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(tiny[Family.STABLE_DIFFUSION], tmp_path / "weights"))
    text, vision = "text_model.", "vision_model."
    places = {f"{text}embeddings.position_ids": torch.arange(77)[None]}
    written(folder, "text_encoder", lambda name: text + name.removeprefix(text), **places)
    written(folder, "safety_checker", lambda name: name.replace(vision, 2 * vision, 1))
    load_pipeline(Family.STABLE_DIFFUSION, Sources(folder=folder), best_device(read_settings({})))


def test_a_text_encoder_of_t5_has_its_words_once_whatever_its_configuration_says(
    tiny: dict[Family, Path], tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(tiny[KONTEXT], tmp_path / "weights"))
    file = folder / "text_encoder_2" / "config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "tie_word_embeddings": False}))
    load_pipeline(KONTEXT, Sources(folder=folder), best_device(read_settings({})))
