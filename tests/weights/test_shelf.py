"""What lies on the disk and what models need, told together; and looked at byte by byte."""

import asyncio
import shutil
from collections.abc import AsyncGenerator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from tests.egress.loopback import Loopback, serving
from tests.support.versions import make_spec
from tests.weights.hub import COMMIT, REPO, FakeHub, named_tensors, tensors

from darkroom.domain.errors import WeightsUnavailable
from darkroom.domain.weights_kept import Kept, State
from darkroom.domain.weights_wants import Lora, write_loras
from darkroom.egress.fetch import GuardedFetcher
from darkroom.weights import care
from darkroom.weights.pull import Hub
from darkroom.weights.shelf import rows
from darkroom.weights.source import Weights
from darkroom.weights.store import alone

HERE = f"hf://{REPO}"
UNET = "unet/diffusion_pytorch_model.safetensors"
PLAIN: Mapping[str, Mapping[str, str]] = {
    "acme/x": {"family": "stable-diffusion", "weights": HERE},
    "acme/echo": {},
}


@pytest.fixture
async def hub() -> AsyncGenerator[tuple[FakeHub, Loopback]]:
    made = FakeHub()
    async with serving(made) as server:
        yield made, server


@pytest.fixture
async def weights(hub: tuple[FakeHub, Loopback], tmp_path: Path) -> AsyncGenerator[Weights]:
    async with GuardedFetcher(allow=[hub[1].place]) as door:
        means = Hub(fetcher=door, url=hub[1].url("/"), free_bytes=lambda _: 10**12)
        yield Weights(hub=means, directory=tmp_path / "w", cache=tmp_path / "c", tiny=False)


async def pulled(weights: Weights, directory: Path) -> Kept:
    await weights.provide(make_spec(config=dict(PLAIN["acme/x"])), ignore)
    (row,) = rows(directory, PLAIN)
    return row


def ignore(line: str) -> None:
    assert line


def test_what_is_nowhere_is_absent(tmp_path: Path) -> None:
    (row,) = rows(tmp_path, PLAIN)
    assert (row.name, row.revision, row.commit, row.state) == (HERE, "main", "", State.ABSENT)
    assert row.uses == ("acme/x weights",)


async def test_what_was_pulled_is_complete_with_its_commit_and_size(
    weights: Weights, tmp_path: Path
) -> None:
    row = await pulled(weights, tmp_path / "w")
    assert (row.state, row.commit, row.revision) == (State.COMPLETE, COMMIT, "main")
    assert 3_000_000 < row.size_bytes < 3_100_000
    assert row.folder == tmp_path / "w" / "acme--portraits" / COMMIT


async def test_what_no_model_needs_is_listed_all_the_same(weights: Weights, tmp_path: Path) -> None:
    row = await pulled(weights, tmp_path / "w")
    assert rows(tmp_path / "w", {}) == [replace(row, uses=())]


async def test_a_pull_that_broke_is_partial(
    weights: Weights, hub: tuple[FakeHub, Loopback], tmp_path: Path
) -> None:
    hub[0].cut = [1_000_000, 0]
    with pytest.raises(WeightsUnavailable):
        await pulled(weights, tmp_path / "w")
    (row,) = rows(tmp_path / "w", PLAIN)
    assert (row.state, row.commit) == (State.PARTIAL, COMMIT)
    assert row.uses == ("acme/x weights",)
    assert 1_000_000 <= row.size_bytes < 3_000_000


async def test_a_file_that_shrank_is_damaged(weights: Weights, tmp_path: Path) -> None:
    row = await pulled(weights, tmp_path / "w")
    assert row.folder
    (row.folder / UNET).write_bytes(b"")
    (row,) = rows(tmp_path / "w", PLAIN)
    assert (row.state, row.uses) == (State.DAMAGED, ("acme/x weights",))
    assert "is damaged" in row.note


async def test_a_damaged_pipeline_that_serves_as_a_base_is_told_where_it_is(
    weights: Weights, tmp_path: Path
) -> None:
    row = await pulled(weights, tmp_path / "w")
    assert row.folder
    (row.folder / UNET).write_bytes(b"")
    file = tmp_path / "film.safetensors"
    file.write_bytes(named_tensors("model.diffusion_model.input_blocks.0.0.weight"))
    config = {"family": "stable-diffusion", "weights": str(file), "base": HERE}
    _, base = rows(tmp_path / "w", {"a/b": config})
    assert (base.uses, base.state, base.folder) == (("a/b base",), State.DAMAGED, row.folder)
    await care.remove(base)
    assert not row.folder.exists()


async def test_a_model_of_several_things_lists_each(weights: Weights, tmp_path: Path) -> None:
    file = tmp_path / "film.safetensors"
    file.write_bytes(named_tensors("model.diffusion_model.input_blocks.0.0.weight"))
    loras = write_loras([Lora(weights=HERE), Lora(weights=str(tmp_path / "gone.safetensors"))])
    config = {
        "family": "stable-diffusion",
        "weights": str(file),
        "base": HERE,
        "loras": loras,
        "safety_checker": HERE,
    }
    await weights.provide(make_spec(config={**PLAIN["acme/x"]}), ignore)
    told = {(one.name, one.part): one for one in rows(tmp_path / "w", {"a/b": config, **PLAIN})}
    assert {key: (one.state, one.uses) for key, one in told.items()} == {
        (HERE, ""): (State.COMPLETE, ("a/b base", "acme/x weights")),
        (HERE, "adapter"): (State.ABSENT, ("a/b loras",)),
        (HERE, "model"): (State.ABSENT, ("a/b safety_checker",)),
        (str(file), ""): (State.COMPLETE, ("a/b weights",)),
        (str(tmp_path / "gone.safetensors"), ""): (State.ABSENT, ("a/b loras",)),
    }
    assert told[HERE, ""].models == ["a/b", "acme/x"]


def test_weights_that_cannot_work_are_damaged_and_say_why(tmp_path: Path) -> None:
    file = tmp_path / "flux.safetensors"
    file.write_bytes(named_tensors("vector_in.in_layer.weight"))
    config = {"family": "stable-diffusion", "weights": str(file), "base": HERE}
    (row,) = rows(tmp_path / "w", {"a/b": config})
    assert (row.name, row.state) == (str(file), State.DAMAGED)
    assert "is of the family flux-kontext, and its entry says stable-diffusion" in row.note


@pytest.mark.parametrize("named", [HERE, "mine"])
async def test_a_whole_pipeline_of_another_family_is_damaged_for_the_entry_that_names_it(
    named: str, weights: Weights, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    pulled_to = (await pulled(weights, tmp_path / "w")).folder or tmp_path
    folder = pulled_to if named == HERE else Path(shutil.copytree(pulled_to, "mine"))
    config = {"family": "flux-kontext", "weights": named}
    told = {one.name: one for one in rows(tmp_path / "w", {"a/b": config})}
    assert told[named].state is State.DAMAGED
    assert told[named].note == (
        f"{folder} holds a StableDiffusionImg2ImgPipeline, which is of the family stable-diffusion,"
        " and its entry says flux-kontext; write `family: stable-diffusion` in darkroom.yaml, or"
        " correct `weights` there"
    )


async def test_every_byte_is_looked_at(weights: Weights, tmp_path: Path) -> None:
    row = await pulled(weights, tmp_path / "w")
    lines: list[str] = []
    assert care.damaged_files(row, lines.append) == []
    assert lines[0] == f"looking at {HERE} {COMMIT[:12]}"
    assert lines[-1].startswith("100%|##########| 3/3 MB")
    assert row.folder
    spoil(row.folder / UNET)
    (row.folder / "tokenizer" / "vocab.json").unlink()
    assert sorted(care.damaged_files(row, lines.append)) == ["tokenizer/vocab.json", UNET]


async def test_a_repair_fetches_what_is_damaged_and_no_more(
    weights: Weights, hub: tuple[FakeHub, Loopback], tmp_path: Path
) -> None:
    row = await pulled(weights, tmp_path / "w")
    assert row.folder
    spoil(row.folder / UNET)
    before = len(hub[1].requests)
    await care.repair(row, [UNET], weights, ignore)
    asked = [one.target for one in hub[1].requests[before:] if "resolve" in one.target]
    assert [one.rpartition("main/")[2].endswith(UNET) for one in asked] == [True]
    assert care.damaged_files(row, ignore) == []
    assert rows(tmp_path / "w", PLAIN) == [row]


async def test_a_repair_takes_no_damaged_file_from_another_folder(
    weights: Weights, hub: tuple[FakeHub, Loopback], tmp_path: Path
) -> None:
    row = await pulled(weights, tmp_path / "w")
    hub[0].files |= {"config.json": b"{}", "model.safetensors": hub[0].files[UNET]}
    del hub[0].files["portraits.safetensors"]
    both = {"a/b": {**PLAIN["acme/x"], "safety_checker": HERE}}
    await weights.provide(make_spec(config=dict(both["a/b"])), ignore)
    assert row.folder
    spoil(row.folder / UNET)  # one file on the disk, by two names
    for one in rows(tmp_path / "w", both):
        damaged = care.damaged_files(one, ignore)
        assert len(damaged) == 1
        await care.repair(one, damaged, weights, ignore)
    assert [care.damaged_files(one, ignore) for one in rows(tmp_path / "w", both)] == [[], []]


async def test_what_is_removed_leaves_nothing_but_its_lock(
    weights: Weights, tmp_path: Path
) -> None:
    row = await pulled(weights, tmp_path / "w")
    await care.remove(row)
    assert rows(tmp_path / "w", {}) == []
    left = await asyncio.to_thread(lambda: [one.name for one in files(tmp_path / "w")])
    assert left == [".lock"]
    assert (await pulled(weights, tmp_path / "w")).state is State.COMPLETE


async def test_nothing_is_removed_while_it_is_pulled(weights: Weights, tmp_path: Path) -> None:
    row = await pulled(weights, tmp_path / "w")
    assert row.folder
    async with alone(row.folder.parent, lambda: None):
        with pytest.raises(WeightsUnavailable, match="is being pulled just now"):
            await care.remove(row)
    assert row.folder.is_dir()


async def test_what_an_operator_has_named_is_never_removed(tmp_path: Path) -> None:
    file = tmp_path / "film.safetensors"
    file.write_bytes(tensors())
    await care.remove(Kept(name=str(file), state=State.COMPLETE, folder=file, hub=False))
    assert file.is_file()


def spoil(path: Path) -> None:
    """Change one byte: size and name stay."""
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


def files(folder: Path) -> list[Path]:
    return [one for one in folder.rglob("*") if one.is_file()]
