"""Everything a version names is brought: single files, their base, adapters and checkers."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from tests.egress.loopback import Loopback, serving
from tests.support.versions import make_spec
from tests.weights.hub import COMMIT, REPO, FakeHub, checker, index, named_tensors, tensors

from darkroom.domain.errors import WeightsUnavailable
from darkroom.domain.weights_kept import State
from darkroom.domain.weights_wants import Lora, read_loras, write_loras
from darkroom.egress.fetch import GuardedFetcher
from darkroom.service.catalogue import load_catalogue, to_spec
from darkroom.weights.pull import Hub
from darkroom.weights.shelf import rows
from darkroom.weights.source import Weights
from darkroom.weights.standing import Means, Stand, standing

UNET = "model.diffusion_model.input_blocks.0.0.weight"
HERE = f"hf://{REPO}"


@pytest.fixture
async def hub() -> AsyncGenerator[tuple[FakeHub, Loopback]]:
    made = FakeHub()
    async with serving(made) as server:
        yield made, server


@pytest.fixture
async def real(hub: tuple[FakeHub, Loopback], tmp_path: Path) -> AsyncGenerator[Weights]:
    async with GuardedFetcher(allow=[hub[1].place]) as door:
        yield source(door, hub[1].url("/"), tmp_path, tiny=False)


@pytest.fixture
async def tiny(tmp_path: Path) -> AsyncGenerator[Weights]:
    async with GuardedFetcher() as door:
        yield source(door, "https://hub.test", tmp_path, tiny=True)


def source(door: GuardedFetcher, url: str, within: Path, *, tiny: bool) -> Weights:
    hub = Hub(fetcher=door, url=url, free_bytes=lambda _: 10**12)
    return Weights(hub=hub, directory=within / "weights", cache=within / "cache", tiny=tiny)


async def provided(by: Weights, lines: list[str] | None = None, /, **config: str) -> dict[str, str]:
    spec = make_spec(config={"family": "stable-diffusion", **config})
    return (await by.provide(spec, (lines if lines is not None else []).append)).config


def read(*path: str) -> bytes:
    return Path(*path).read_bytes()


def held(*path: str) -> set[str]:
    return {one.name for one in Path(*path).iterdir()}


def tensors_within(folder: str) -> list[Path]:
    return list(Path(folder).rglob("*.safetensors"))


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """A single file that holds a denoiser and no more."""
    file = tmp_path / "film.safetensors"
    file.write_bytes(named_tensors(UNET))
    return file


async def test_a_single_file_has_a_base_without_the_parts_it_holds(
    real: Weights, checkpoint: Path, tmp_path: Path
) -> None:
    config = await provided(real, weights=str(checkpoint), base=HERE)
    base = Path(config["base"])
    assert config["weights"] == str(checkpoint)
    assert base == tmp_path / "weights" / "acme--portraits" / f"{COMMIT}-no-unet"
    assert (base / "unet" / "config.json").is_file()
    assert (base / "tokenizer" / "vocab.json").is_file()
    assert tensors_within(config["base"]) == []


async def test_a_whole_pipeline_that_is_here_is_base_enough(
    real: Weights, checkpoint: Path, hub: tuple[FakeHub, Loopback]
) -> None:
    whole = await provided(real, weights=HERE)
    asked = hub[1].accepted
    config = await provided(real, weights=str(checkpoint), base=HERE)
    assert config["base"] == whole["weights"]
    assert hub[1].accepted == asked


async def test_what_another_folder_of_the_repository_holds_is_not_fetched_again(
    real: Weights, hub: tuple[FakeHub, Loopback]
) -> None:
    config = await provided(real, weights=HERE)
    hub[0].files["config.json"] = b"{}"
    unet = "unet/diffusion_pytorch_model.safetensors"
    hub[0].files["model.safetensors"] = hub[0].files[unet]
    del hub[0].files["portraits.safetensors"]
    before = len(hub[1].requests)
    config = await provided(real, weights=HERE, safety_checker=HERE)
    targets = [one.target for one in hub[1].requests[before:]]
    assert not any(one.endswith("model.safetensors") for one in targets)
    assert read(config["safety_checker"], "model.safetensors") == hub[0].files[unet]


async def test_a_single_file_may_come_from_the_hub(
    real: Weights, hub: tuple[FakeHub, Loopback]
) -> None:
    hub[0].files["portraits.safetensors"] = named_tensors(UNET)
    config = await provided(real, weights=f"{HERE}/portraits.safetensors", base=HERE)
    assert read(config["weights"]) == hub[0].files["portraits.safetensors"]
    assert config["base"].endswith("-no-unet")


async def test_a_single_file_of_another_family_is_refused_before_its_base_is_fetched(
    real: Weights, tmp_path: Path, hub: tuple[FakeHub, Loopback]
) -> None:
    (tmp_path / "flux.safetensors").write_bytes(named_tensors("vector_in.in_layer.weight"))
    with pytest.raises(WeightsUnavailable, match="of the family flux-kontext, and its entry says"):
        await provided(real, weights=str(tmp_path / "flux.safetensors"), base=HERE)
    assert hub[1].accepted == 0


@pytest.mark.parametrize("key", ["weights", "base"])
async def test_a_repository_of_another_family_is_refused_before_its_tensors_are_fetched(
    key: str, real: Weights, tmp_path: Path, hub: tuple[FakeHub, Loopback]
) -> None:
    (tmp_path / "flux.safetensors").write_bytes(named_tensors("vector_in.in_layer.weight"))
    config = {"weights": str(tmp_path / "flux.safetensors"), key: HERE, "family": "flux-kontext"}
    with pytest.raises(WeightsUnavailable, match=f"stable-diffusion`.*or correct `{key}` there"):
        await provided(real, **config)
    assert not [one for one in hub[1].requests if one.target.endswith(".safetensors")]


async def test_a_repository_that_is_here_is_refused_by_an_entry_of_another_family(
    real: Weights,
) -> None:
    await provided(real, weights=HERE)
    with pytest.raises(WeightsUnavailable, match="write `family: stable-diffusion`"):
        await provided(real, weights=HERE, family="flux2-klein")


async def test_loras_become_local_files_with_their_scales(real: Weights, tmp_path: Path) -> None:
    (tmp_path / "film.safetensors").write_bytes(tensors())
    (tmp_path / "grain").mkdir()
    (tmp_path / "grain" / "grain.safetensors").write_bytes(tensors())
    named = [str(tmp_path / "film.safetensors"), str(tmp_path / "grain"), HERE]
    loras = write_loras([Lora(weights=one, scale=0.5) for one in named])
    found = read_loras(await provided(real, weights=HERE, loras=loras))
    pulled = tmp_path / "weights" / "acme--portraits" / f"{COMMIT}-adapter"
    assert [(one.weights, one.scale) for one in found] == [
        (str(tmp_path / "film.safetensors"), 0.5),
        (str(tmp_path / "grain" / "grain.safetensors"), 0.5),
        (str(pulled / "portraits.safetensors"), 0.5),
    ]


async def test_an_adapter_that_cannot_be_told_from_others_is_to_be_named(
    real: Weights, hub: tuple[FakeHub, Loopback], tmp_path: Path
) -> None:
    hub[0].files["other.safetensors"] = tensors()
    loras = write_loras([Lora(weights=HERE)])
    with pytest.raises(WeightsUnavailable, match=f"{HERE}/NAME.safetensors"):
        await provided(real, weights=HERE, loras=loras)
    gone = write_loras([Lora(weights=f"{HERE}/gone.safetensors")])
    with pytest.raises(WeightsUnavailable, match=r"has no gone\.safetensors at revision main"):
        await provided(real, weights=HERE, loras=gone)
    (tmp_path / "empty").mkdir()
    empty = write_loras([Lora(weights=str(tmp_path / "empty"))])
    with pytest.raises(WeightsUnavailable, match=r"holds not one \.safetensors file but: none"):
        await provided(real, weights=HERE, loras=empty)


async def test_an_adapter_is_safetensors_by_content(
    real: Weights, hub: tuple[FakeHub, Loopback], tmp_path: Path
) -> None:
    (tmp_path / "x.safetensors").write_bytes(b"PK\x03\x04" * 9)
    hub[0].files["portraits.safetensors"] = b"\x80\x04." * 9
    for named in (str(tmp_path / "x.safetensors"), HERE):
        loras = write_loras([Lora(weights=named)])
        with pytest.raises(WeightsUnavailable, match="is not a safetensors file"):
            await provided(real, weights=HERE, loras=loras)


async def test_a_checker_is_brought_as_a_model_of_its_own(
    real: Weights, hub: tuple[FakeHub, Loopback], tmp_path: Path
) -> None:
    hub[0].files |= {"config.json": b"{}", "preprocessor_config.json": b"{}"}
    config = await provided(real, weights=HERE, safety_checker=HERE, nsfw_classifier=HERE)
    folder = tmp_path / "weights" / "acme--portraits" / f"{COMMIT}-model"
    assert config["safety_checker"] == config["nsfw_classifier"] == str(folder)
    held = {one.name for one in folder.iterdir()}
    assert held >= {"config.json", "preprocessor_config.json", "portraits.safetensors"}
    assert held.isdisjoint({"README.md", ".gitattributes", "portraits.ckpt", "unet"})


async def test_an_entry_with_a_checker_of_the_hub_has_its_files_and_no_others(
    real: Weights, hub: tuple[FakeHub, Loopback], tmp_path: Path
) -> None:
    hub[0].files, hub[0].revisions = checker(), ("refs/pr/41",)
    entry = {
        "runner": "diffusers",
        "family": "flux2-klein",
        "weights": str(local(tmp_path / "mine", "Flux2KleinPipeline")),
        "safety_checker": f"{HERE}@refs/pr/41",
    }
    _, version = load_catalogue({"acme/own": entry}).resolve("acme/own")
    config = (await real.provide(to_spec(version), lambda _: None)).config
    assert held(config["safety_checker"]) == {
        "config.json",
        "preprocessor_config.json",
        "model.safetensors",
        "darkroom-weights.json",
    }
    assert "nsfw_classifier" not in config


@pytest.mark.parametrize("key", ["safety_checker", "nsfw_classifier"])
@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"revisions": ()}, "has no acme/portraits at revision main"),
        ({"status": 401}, "accept its licence"),
        ({"status": 503}, "try again later"),
        ({"files": {"config.json": b"{}"}}, "holds no .safetensors files"),
        ({"files": {"model.safetensors": tensors()}}, "holds no config.json"),
        ({"files": {"pytorch_model.bin": b"x"}}, "acme/portraits holds pickled weights only"),
    ],
)
async def test_a_checker_that_cannot_be_had_names_its_key_and_how_to_go_without(
    real: Weights, hub: tuple[FakeHub, Loopback], tmp_path: Path,
    key: str, change: dict[str, object], told: str,
) -> None:  # fmt: skip
    for name, value in change.items():
        setattr(hub[0], name, value)
    with pytest.raises(WeightsUnavailable) as refused:
        await provided(real, weights=str(local(tmp_path / "mine")), **{key: HERE})
    sentence = str(refused.value)
    assert sentence.startswith(f"{key}: ")
    assert told in sentence
    assert "`safety: off` in darkroom.yaml" in sentence
    assert "weights:" not in sentence


async def test_a_checker_that_cannot_be_had_is_told_before_the_large_weights_are_fetched(
    real: Weights, hub: tuple[FakeHub, Loopback]
) -> None:
    with pytest.raises(WeightsUnavailable, match="nsfw_classifier"):
        await provided(real, weights=HERE, nsfw_classifier=f"{HERE}@gone")
    assert not any("unet" in one.target for one in hub[1].requests)


async def test_a_folder_that_holds_no_checker_is_told_with_its_key_before_anything_is_loaded(
    real: Weights, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    config = {
        "family": "stable-diffusion",
        "weights": str(local(tmp_path / "mine")),
        "nsfw_classifier": str(tmp_path / "empty"),
    }
    with pytest.raises(WeightsUnavailable, match=r"^nsfw_classifier: .*`safety: off`"):
        await provided(real, **config)
    means = Means(
        directory=tmp_path / "weights", tiny=False, hub_url="https://hub.test", token=True
    )
    told = standing(config, means)
    assert told.stand is Stand.UNUSABLE
    assert told.line.startswith("nsfw_classifier: ")
    assert "`safety: off`" in told.line
    (row,) = (one for one in rows(tmp_path / "weights", {"a/b": config}) if one.note)
    assert (row.state, row.uses) == (State.DAMAGED, ("a/b nsfw_classifier",))
    assert "`safety: off`" in row.note


def test_a_checker_that_is_not_here_yet_is_told_by_its_key(tmp_path: Path) -> None:
    means = Means(directory=tmp_path, tiny=False, hub_url="https://hub.test", token=True)
    config = {
        "family": "stable-diffusion",
        "weights": str(local(tmp_path / "mine")),
        "safety_checker": HERE,
    }
    told = standing(config, means)
    assert (told.stand, told.line) == (
        Stand.ABSENT,
        f"{REPO} (safety_checker) is not downloaded yet",
    )


async def test_what_cannot_be_had_of_base_and_loras_names_their_keys(
    real: Weights, hub: tuple[FakeHub, Loopback], checkpoint: Path, tmp_path: Path
) -> None:
    hub[0].revisions = ()
    loras = write_loras([Lora(weights=HERE)])
    with pytest.raises(WeightsUnavailable, match=r"correct `base:` .* folder as `base:`"):
        await provided(real, weights=str(checkpoint), base=HERE)
    with pytest.raises(WeightsUnavailable, match=r"correct `loras:` .* under `loras:`"):
        await provided(real, weights=str(local(tmp_path / "mine")), loras=loras)


async def test_with_tiny_weights_all_that_is_of_the_hub_is_noise(
    tiny: Weights, checkpoint: Path, tmp_path: Path
) -> None:
    loras = write_loras([Lora(weights=HERE)])
    for address in ({"weights": HERE}, {"weights": str(checkpoint), "base": HERE}):
        config = await provided(tiny, **address, loras=loras, safety_checker=HERE)
        assert config == {
            "family": "stable-diffusion",
            "weights": "tiny",
            "safety_checker": "tiny",
            "tiny_folder": str(tmp_path / "cache" / "tiny"),
        }


async def test_with_tiny_weights_a_folder_is_loaded_without_what_is_of_the_hub(
    tiny: Weights, tmp_path: Path, checkpoint: Path
) -> None:
    lines: list[str] = []
    loras = write_loras([Lora(weights=HERE), Lora(weights=str(checkpoint))])
    folder = local(tmp_path / "mine")
    config = await provided(
        tiny, lines, weights=str(folder), loras=loras, nsfw_classifier=HERE, safety_checker="tiny"
    )
    assert config["weights"] == str(folder)
    assert [one.weights for one in read_loras(config)] == [str(checkpoint)]
    assert config["nsfw_classifier"] == config["safety_checker"] == "tiny"
    assert config["tiny_folder"] == str(tmp_path / "cache" / "tiny")
    assert lines == [f"{HERE} is left out: with DARKROOM_WEIGHTS=tiny nothing comes from the hub"]


async def test_how_weights_stand_is_told_of_the_worst_of_them(
    real: Weights, tmp_path: Path, checkpoint: Path
) -> None:
    means = Means(
        directory=tmp_path / "weights", tiny=False, hub_url="https://hub.test", token=True
    )
    config = {"family": "stable-diffusion", "weights": str(checkpoint), "base": HERE}
    assert standing(config, means).stand is Stand.ABSENT
    await provided(real, **config)
    assert standing(config, means).stand is Stand.READY
    lora = {**config, "loras": write_loras([Lora(weights=str(tmp_path / "gone.safetensors"))])}
    assert standing(lora, means).stand is Stand.UNUSABLE
    assert "there is no file" in standing(lora, means).line


def local(folder: Path, named: str = "StableDiffusionPipeline") -> Path:
    (folder / "unet").mkdir(parents=True)
    parts = index(_class_name=named, unet=["diffusers", "UNet2DConditionModel"])
    (folder / "model_index.json").write_bytes(parts)
    (folder / "unet" / "diffusion_pytorch_model.safetensors").write_bytes(tensors())
    return folder
