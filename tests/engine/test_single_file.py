"""A single file makes the picture that the folder it was written from makes."""

import shutil
from pathlib import Path

import pytest
from PIL import Image
from tests.engine.drawing import drawn, order_for, saved
from tests.engine.making import tiny_engine
from tests.engine.originals import klein_checkpoint, stable_diffusion_checkpoint

from darkroom.domain.errors import WeightsUnavailable
from darkroom.domain.families import Family
from darkroom.engine.sources import Sources

# The schedules of diffusers hand a tensor to numpy in a way that numpy 2 will not take.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

SD = Family.STABLE_DIFFUSION


def _bare(folder: Path, to: Path, *parts: str) -> Path:
    """A copy of *folder* in which *parts* have their configurations alone."""
    base = Path(shutil.copytree(folder, to))
    for part in parts:
        for file in (base / part).glob("*.safetensors"):
            file.unlink()
    return base


def _picture(family: Family, folder: Path, photo: Image.Image, file: Path | None = None) -> bytes:
    engine = tiny_engine(family, Sources(folder=folder, single_file=file))
    return drawn(engine, order_for(family, photo))


def test_a_checkpoint_of_stable_diffusion_makes_the_picture_of_its_folder(
    tiny: dict[Family, Path], photo: Image.Image, tmp_path: Path
) -> None:
    saved(stable_diffusion_checkpoint(tiny[SD], {}), tmp_path / "sd.safetensors")
    base = _bare(tiny[SD], tmp_path / "base", "unet", "vae", "text_encoder")
    made = _picture(SD, base, photo, tmp_path / "sd.safetensors")
    assert made == _picture(SD, tiny[SD], photo)


def test_what_a_checkpoint_lacks_is_of_the_base(
    tiny: dict[Family, Path], photo: Image.Image, tmp_path: Path
) -> None:
    checkpoint = stable_diffusion_checkpoint(tiny[SD], {"vae": False, "text_encoder": False})
    saved(checkpoint, tmp_path / "unet.safetensors")
    base = _bare(tiny[SD], tmp_path / "base", "unet")
    made = _picture(SD, base, photo, tmp_path / "unet.safetensors")
    assert made == _picture(SD, tiny[SD], photo)


def test_a_checkpoint_goes_before_the_base(
    tiny: dict[Family, Path], photo: Image.Image, tmp_path: Path
) -> None:
    checkpoint = stable_diffusion_checkpoint(tiny[SD], {})
    checkpoint["model.diffusion_model.out.2.bias"] += 0.5
    saved(checkpoint, tmp_path / "sd.safetensors")
    made = _picture(SD, tiny[SD], photo, tmp_path / "sd.safetensors")
    assert made != _picture(SD, tiny[SD], photo)


@pytest.mark.parametrize("family", [Family.FLUX_KONTEXT, Family.FLUX2_KLEIN])
def test_a_transformer_as_diffusers_saves_it_is_taken_alone(
    family: Family, tiny: dict[Family, Path], photo: Image.Image, tmp_path: Path
) -> None:
    saved = next((tiny[family] / "transformer").glob("*.safetensors"))
    shutil.copy(saved, tmp_path / "flux.safetensors")
    base = _bare(tiny[family], tmp_path / "base", "transformer")
    made = _picture(family, base, photo, tmp_path / "flux.safetensors")
    assert made == _picture(family, tiny[family], photo)


def test_the_transformer_of_klein_as_it_was_published_is_taken_alone(
    tiny: dict[Family, Path], photo: Image.Image, tmp_path: Path
) -> None:
    klein = Family.FLUX2_KLEIN
    saved(klein_checkpoint(tiny[klein]), tmp_path / "klein.safetensors")
    base = _bare(tiny[klein], tmp_path / "base", "transformer")
    made = _picture(klein, base, photo, tmp_path / "klein.safetensors")
    assert made == _picture(klein, tiny[klein], photo)


@pytest.mark.parametrize("family", Family)
def test_a_file_of_another_family_is_refused_by_name(
    family: Family, tiny: dict[Family, Path]
) -> None:
    other = Family.FLUX2_KLEIN if family is not Family.FLUX2_KLEIN else Family.FLUX_KONTEXT
    file = next((tiny[other] / "transformer").glob("*.safetensors"))
    told = f"holds a denoiser, which is of the family {other}, and its entry says {family}; write"
    with pytest.raises(WeightsUnavailable, match=told):
        tiny_engine(family, Sources(folder=tiny[family], single_file=file))


def test_a_file_that_lacks_tensors_or_is_not_there_is_told(
    tiny: dict[Family, Path], tmp_path: Path
) -> None:
    whole = stable_diffusion_checkpoint(tiny[SD], {})
    file = tmp_path / "half.safetensors"
    saved({name: one for name, one in whole.items() if "middle_block" not in name}, file)
    base = _bare(tiny[SD], tmp_path / "base", "unet", "vae", "text_encoder")
    with pytest.raises(WeightsUnavailable, match=r"half\.safetensors do not load"):
        tiny_engine(SD, Sources(folder=base, single_file=file))
    with pytest.raises(WeightsUnavailable, match="There is no file"):
        tiny_engine(SD, Sources(folder=base, single_file=tmp_path / "gone.safetensors"))
    with pytest.raises(WeightsUnavailable, match="do not load"):
        tiny_engine(SD, base)
