"""A LoRA changes what its scale says, and one for other weights is refused."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
import torch
from PIL import Image
from tests.engine.drawing import drawn, loaded, low_rank, order_for, saved
from tests.engine.making import tiny_engine

from darkroom.domain.errors import WeightsUnavailable
from darkroom.domain.families import Family
from darkroom.engine.sources import Adapter, Sources

# The schedules of diffusers hand a tensor to numpy in a way that numpy 2 will not take.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

SD = Family.STABLE_DIFFUSION
CHANGED: Mapping[Family, tuple[str, str]] = {
    SD: ("unet", "down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_v"),
    Family.FLUX_KONTEXT: ("transformer", "transformer_blocks.0.attn.to_v"),
    Family.FLUX2_KLEIN: ("transformer", "transformer_blocks.0.attn.to_v"),
}
TEXT = ("text_encoder", "encoder.layers.0.self_attn.v_proj")


def _lora(folder: Path, to: Path, part: str, module: str, seed: int = 1) -> Path:
    """Write an adapter for one weight of the pipeline in *folder*."""
    weight = next(
        tensors[f"{module}.weight"]
        for tensors in (loaded(file) for file in (folder / part).glob("*.safetensors"))
    )
    down, up = low_rank(weight.shape, torch.Generator().manual_seed(seed))
    names = f"{part}.{module}.lora_A.weight", f"{part}.{module}.lora_B.weight"
    to.parent.mkdir(parents=True, exist_ok=True)
    saved(dict(zip(names, (down, up), strict=True)), to)
    return to


def _picture(family: Family, folder: Path, photo: Image.Image, loras: Sequence[Adapter]) -> bytes:
    engine = tiny_engine(family, Sources(folder=folder, loras=loras))
    return drawn(engine, order_for(family, photo))


@pytest.mark.parametrize("family", Family)
def test_a_lora_changes_the_picture_by_its_scale(
    family: Family, tiny: dict[Family, Path], photo: Image.Image, tmp_path: Path
) -> None:
    file = _lora(tiny[family], tmp_path / "film.safetensors", *CHANGED[family])
    plain = _picture(family, tiny[family], photo, [])
    none, half, whole = (
        _picture(family, tiny[family], photo, [Adapter(file=file, scale=scale)])
        for scale in (0.0, 0.5, 1.0)
    )
    assert none == plain
    assert len({plain, half, whole}) == 3


def test_a_fused_lora_is_the_sum_of_both_weights(
    tiny: dict[Family, Path], photo: Image.Image, tmp_path: Path
) -> None:
    part, module = CHANGED[SD]
    file = _lora(tiny[SD], tmp_path / "film.safetensors", part, module)
    summed = Path(shutil.copytree(tiny[SD], tmp_path / "summed"))
    of_part = next((summed / part).glob("*.safetensors"))
    tensors, factors = loaded(of_part), loaded(file)
    change = factors[f"{part}.{module}.lora_B.weight"] @ factors[f"{part}.{module}.lora_A.weight"]
    tensors[f"{module}.weight"] += 0.8 * change
    saved(tensors, of_part)
    fused = _picture(SD, tiny[SD], photo, [Adapter(file=file, scale=0.8)])
    by_hand = _picture(SD, summed, photo, [])
    assert max(abs(a - b) for a, b in zip(fused, by_hand, strict=True)) <= 1


def test_several_loras_add_up_in_any_order(
    tiny: dict[Family, Path], photo: Image.Image, tmp_path: Path
) -> None:
    film = Adapter(file=_lora(tiny[SD], tmp_path / "film.safetensors", *CHANGED[SD]), scale=0.5)
    words = Adapter(file=_lora(tiny[SD], tmp_path / "words.safetensors", *TEXT, seed=2), scale=0.5)
    alone = {_picture(SD, tiny[SD], photo, [one]) for one in (film, words)}
    both, turned = (
        _picture(SD, tiny[SD], photo, order) for order in ([film, words], [words, film])
    )
    assert both == turned
    assert both not in alone


@pytest.mark.parametrize("family", Family)
@pytest.mark.parametrize("other", Family)
def test_a_lora_for_another_family_is_refused_by_name(
    family: Family, other: Family, tiny: dict[Family, Path], tmp_path: Path
) -> None:
    if family is other or {family, other} == {Family.FLUX_KONTEXT, Family.FLUX2_KLEIN}:
        return  # tiny FLUX transformers have modules of the same names and shapes
    file = _lora(tiny[other], tmp_path / "film.safetensors", *CHANGED[other])
    with pytest.raises(WeightsUnavailable, match=rf"film\.safetensors does not fit.*{family}"):
        tiny_engine(family, Sources(folder=tiny[family], loras=[Adapter(file=file)]))


def test_a_lora_that_fits_in_part_is_refused(tiny: dict[Family, Path], tmp_path: Path) -> None:
    part, module = CHANGED[SD]
    half = loaded(_lora(tiny[SD], tmp_path / "half.safetensors", part, module))
    strange = {
        name.replace(module, "down_blocks.7.proj"): one.clone() for name, one in half.items()
    }
    file = saved({**half, **strange}, tmp_path / "both.safetensors")
    with pytest.raises(WeightsUnavailable, match="of its 2 layers 1 are in this model"):
        tiny_engine(SD, Sources(folder=tiny[SD], loras=[Adapter(file=file)]))


def test_a_lora_in_the_names_of_its_trainer_is_taken(
    tiny: dict[Family, Path], photo: Image.Image, tmp_path: Path
) -> None:
    part, module = CHANGED[SD]
    down, up = loaded(_lora(tiny[SD], tmp_path / "film.safetensors", part, module)).values()
    flat = f"lora_unet_{module.replace('.', '_')}"
    named = {
        f"{flat}.lora_down.weight": down,
        f"{flat}.lora_up.weight": up,
        f"{flat}.alpha": torch.tensor(2.0),
    }
    trained = Adapter(file=saved(named, tmp_path / "trained.safetensors"))
    film = Adapter(file=tmp_path / "film.safetensors")
    assert _picture(SD, tiny[SD], photo, [trained]) == _picture(SD, tiny[SD], photo, [film])


def test_a_lora_of_another_width_is_refused(tiny: dict[Family, Path], tmp_path: Path) -> None:
    part, module = CHANGED[SD]
    file = tmp_path / "wide.safetensors"
    names = f"{part}.{module}.lora_A.weight", f"{part}.{module}.lora_B.weight"
    saved({names[0]: torch.ones(2, 77), names[1]: torch.ones(77, 2)}, file)
    with pytest.raises(WeightsUnavailable, match="does not fit these weights"):
        tiny_engine(SD, Sources(folder=tiny[SD], loras=[Adapter(file=file)]))


def test_a_file_that_is_no_lora_is_refused(tiny: dict[Family, Path], tmp_path: Path) -> None:
    checkpoint = next((tiny[SD] / "unet").glob("*.safetensors"))
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(b"no tensors")
    for file in (checkpoint, broken):
        with pytest.raises(WeightsUnavailable, match="does not fit these weights"):
            tiny_engine(SD, Sources(folder=tiny[SD], loras=[Adapter(file=file)]))
    gone = Adapter(file=tmp_path / "gone.safetensors")
    with pytest.raises(WeightsUnavailable, match="There is no file"):
        tiny_engine(SD, Sources(folder=tiny[SD], loras=[gone]))
