import json
import shutil
from pathlib import Path

import pytest

from darkroom.domain.errors import WeightsUnavailable
from darkroom.domain.families import Family
from darkroom.engine.folders import check_folder
from darkroom.weights.standing import Means, Stand, standing

SD = Family.STABLE_DIFFUSION


@pytest.fixture
def folder(tiny: dict[Family, Path], tmp_path: Path) -> Path:
    """A copy of the tiny Stable Diffusion weights, to be spoilt."""
    return Path(shutil.copytree(tiny[SD], tmp_path / "weights"))


def _change(file: Path, **entries: object) -> None:
    file.write_text(json.dumps({**json.loads(file.read_text()), **entries}))


def _refusal(folder: Path, family: Family = SD) -> str:
    with pytest.raises(WeightsUnavailable) as caught:
        check_folder(family, folder)
    return str(caught.value)


@pytest.mark.parametrize("family", Family)
def test_a_whole_folder_is_taken(family: Family, tiny: dict[Family, Path]) -> None:
    check_folder(family, tiny[family])


def test_a_folder_named_after_the_text_to_image_pipeline_is_taken(folder: Path) -> None:
    _change(folder / "model_index.json", _class_name="StableDiffusionPipeline")
    check_folder(SD, folder)


def test_a_missing_folder_is_told_with_what_to_put_there(tmp_path: Path) -> None:
    message = _refusal(tmp_path / "gone")
    assert f"There is no folder {tmp_path / 'gone'}" in message
    assert "Put the weights there" in message


def test_a_folder_without_an_index_is_refused(folder: Path) -> None:
    (folder / "model_index.json").unlink()
    assert "model_index.json" in _refusal(folder)


def test_an_index_that_is_cut_off_is_refused(folder: Path) -> None:
    (folder / "model_index.json").write_text('{"_class')
    assert "cannot be read" in _refusal(folder)


def test_weights_of_another_family_are_refused_in_the_words_of_the_doctor(folder: Path) -> None:
    message = _refusal(folder, Family.FLUX2_KLEIN)
    assert message == (
        f"{folder} holds a StableDiffusionImg2ImgPipeline, which is of the family stable-diffusion,"
        " and its entry says flux2-klein; write `family: stable-diffusion` in darkroom.yaml, or"
        " correct `weights` there"
    )
    means = Means(directory=folder, tiny=False, hub_url="https://hub.test", token=False)
    told = standing({"family": "flux2-klein", "weights": str(folder)}, means)
    assert (told.stand, told.line) == (Stand.UNUSABLE, message)


@pytest.mark.parametrize(
    ("named", "words"),
    [
        ("StableDiffusionXLPipeline", "holds a StableDiffusionXLPipeline, and the family"),
        (["a", "b"], "holds no pipeline, and the family"),
    ],
)
def test_weights_that_no_family_takes_are_told_with_what_it_takes(
    named: object, words: str, folder: Path
) -> None:
    _change(folder / "model_index.json", _class_name=named)
    message = _refusal(folder)
    assert words in message
    assert "takes a StableDiffusionImg2ImgPipeline or a StableDiffusionPipeline" in message
    assert "correct `weights` in darkroom.yaml" in message


def test_pickled_weights_alone_are_refused(folder: Path) -> None:
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    weights.rename(weights.with_suffix(".bin"))
    message = _refusal(folder)
    assert "pickled" in message
    assert ".safetensors" in message


def test_pickled_weights_beside_safe_ones_are_left_alone(folder: Path) -> None:
    (folder / "unet" / "diffusion_pytorch_model.bin").touch()
    check_folder(SD, folder)


@pytest.mark.parametrize("key", ["auto_map", "custom_pipeline"])
@pytest.mark.parametrize("file", ["model_index.json", "text_encoder/config.json"])
def test_a_config_that_asks_for_code_is_refused(folder: Path, file: str, key: str) -> None:
    _change(folder / file, **{key: {"AutoModel": "code.Model"}})
    assert key in _refusal(folder)


def test_a_script_among_the_weights_is_refused(folder: Path) -> None:
    (folder / "unet" / "pipeline.py").touch()
    assert "pipeline.py is code" in _refusal(folder)


def test_a_part_of_an_unknown_class_is_refused(folder: Path) -> None:
    _change(folder / "model_index.json", unet=["os", "system"])
    assert "wants os.system as `unet`" in _refusal(folder)


def test_a_part_without_files_is_refused(folder: Path) -> None:
    shutil.rmtree(folder / "vae")
    assert "vae is missing or empty" in _refusal(folder)
