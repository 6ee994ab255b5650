"""What a runner reads in a configuration: a folder, a file over its base, what is put on them."""

from pathlib import Path

import pytest
from tests.support.versions import make_spec

from darkroom.domain.errors import InvalidSetting, WeightsUnavailable
from darkroom.domain.families import Family
from darkroom.domain.weights_wants import Lora, write_loras
from darkroom.engine.interface import NoRoom
from darkroom.engine.sources import Adapter, Sources
from darkroom.engine.tiny import write_tiny
from darkroom.runners.diffusers import Diffusers, shared
from darkroom.runners.diffusers.setup import read_setup

CONFIG = {"family": "stable-diffusion", "weights": "/w"}
FILM = [Lora(weights="/film.safetensors", scale=0.8)]


def test_a_folder_is_loaded_with_its_loras() -> None:
    setup = read_setup({**CONFIG, "loras": write_loras(FILM)})
    film = Adapter(file=Path("/film.safetensors"), scale=0.8)
    assert setup.sources(Path("/w")) == Sources(folder=Path("/w"), loras=[film])


def test_a_single_file_is_loaded_over_its_base() -> None:
    setup = read_setup({**CONFIG, "weights": "/sd.safetensors", "base": "/base"})
    expected = Sources(folder=Path("/base"), single_file=Path("/sd.safetensors"), loras=[])
    assert setup.sources(Path("/sd.safetensors")) == expected


def test_tiny_weights_are_loaded_alone() -> None:
    setup = read_setup({**CONFIG, "weights": "tiny", "tiny_folder": "/t"})
    assert setup.sources(Path("/t/made")) == Sources(folder=Path("/t/made"))


def test_loras_that_make_no_sense_are_refused() -> None:
    for text in ("[", '{"a": 1}', '[{"weights": "x"}]', "[1]"):
        with pytest.raises(InvalidSetting, match=r"^loras: must be"):
            read_setup({**CONFIG, "loras": text})


async def test_a_lora_that_does_not_fit_fails_the_load(tmp_path: Path) -> None:
    family = Family.FLUX2_KLEIN
    write_tiny(family, tmp_path / "klein")
    other = next((tmp_path / "klein" / "transformer").glob("*.safetensors"))
    config = {
        "family": family,
        "weights": str(tmp_path / "klein"),
        "loras": write_loras([Lora(weights=str(other))]),
    }
    kind = Diffusers({})
    runner = kind.runner()
    with pytest.raises(WeightsUnavailable, match="does not fit these weights"):
        await runner.setup(make_spec(config=config), list[str]().append)
    await runner.close()
    kind.close()


async def test_a_device_without_room_for_a_picture_says_so_in_words_that_a_worker_knows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise NoRoom

    monkeypatch.setattr(shared, "warm", full)
    config = {**CONFIG, "weights": "tiny", "tiny_folder": str(tmp_path)}
    kind = Diffusers({})
    with pytest.raises(WeightsUnavailable, match="out of memory"):
        await kind.runner().setup(make_spec(config=config), list[str]().append)
    kind.close()
