import asyncio
import gc
import io
import os
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from PIL import Image, ImageChops
from safetensors.torch import (
    load_file,  # pyright: ignore[reportUnknownVariableType]  # a bare PathLike of theirs
    save_file,  # pyright: ignore[reportUnknownVariableType]  # likewise
)
from tests.support.versions import make_spec

from darkroom.domain.errors import RunCanceled, RunFailed, WeightsUnavailable
from darkroom.domain.families import Family
from darkroom.domain.model import JsonScalar
from darkroom.engine.interface import NoRoom
from darkroom.engine.tiny import write_tiny
from darkroom.protocol.messages import Bytes, Pixels, VersionSpec
from darkroom.runners.diffusers import Diffusers
from darkroom.runners.diffusers.runner import DiffusersRunner

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

PROGRESS = re.compile(r"^\s*(\d+)%\s*\|.+?\|\s*(\d+)\/(\d+)")
"""What the vendor's JavaScript client takes for progress."""


@dataclass
class Recorder:
    """Satisfies `ports.RunContext`; told to stop once it holds so many lines of progress."""

    values: Mapping[str, JsonScalar]
    files: Mapping[str, Bytes | Pixels]
    stop_after: int | None = None
    watched: bool = False
    lines: list[str] = field(default_factory=list[str])
    previews: list[tuple[int, int, bytes]] = field(default_factory=list[tuple[int, int, bytes]])
    outputs: list[tuple[str, str, bytes]] = field(default_factory=list[tuple[str, str, bytes]])
    metrics: dict[str, float] = field(default_factory=dict[str, float])

    @property
    def progress(self) -> list[tuple[int, int]]:
        """Steps taken and in all, as a client would read them."""
        found = [PROGRESS.match(line) for line in self.lines]
        return [(int(one[2]), int(one[3])) for one in found if one]

    @property
    def canceled(self) -> bool:
        return self.stop_after is not None and len(self.progress) >= self.stop_after

    def log(self, text: str) -> None:
        self.lines.append(text)

    def preview(self, width: int, height: int, rgb: bytes) -> None:
        self.previews.append((width, height, rgb))

    async def pause(self, seconds: float) -> None:
        assert seconds > 0
        await asyncio.Event().wait()

    def output_file(self, name: str, content_type: str, data: bytes) -> None:
        self.outputs.append((name, content_type, data))

    def output_text(self, text: str) -> None:
        raise AssertionError(text)

    def metric(self, name: str, value: float) -> None:
        self.metrics[name] = value

    def image(self, index: int = 0) -> Image.Image:
        """An output, decoded."""
        return Image.open(io.BytesIO(self.outputs[index][2])).convert("RGB")


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tiny")


@pytest.fixture
def photo(tmp_path: Path) -> Pixels:
    """A picture of 130 by 100."""
    bands = [Image.radial_gradient("L").rotate(turn).resize((130, 100)) for turn in (0, 30, 60)]
    file = tmp_path / "photo.rgb"
    file.write_bytes(Image.merge("RGB", bands).tobytes())
    return Pixels(str(file), 130, 100)


def _version(
    family: Family, schema: str, tiny_folder: Path, weights: str = "tiny", **more: str
) -> VersionSpec:
    config = {
        "family": family,
        "schema": schema,
        "weights": weights,
        "tiny_folder": str(tiny_folder),
        **more,
    }
    return make_spec(config=config)


@pytest.fixture
def shared() -> Iterator[Diffusers]:
    """What the runners of a host share."""
    made = Diffusers({}, draw_seed=lambda: 41)
    yield made
    made.close()


async def _loaded(
    shared: Diffusers, version: VersionSpec, log: list[str] | None = None
) -> DiffusersRunner:
    runner = shared.runner()
    await runner.setup(version, (log if log is not None else list[str]()).append)
    return runner


@pytest.fixture
async def img2img(shared: Diffusers, tiny_folder: Path) -> AsyncIterator[DiffusersRunner]:
    runner = await _loaded(shared, _version(Family.STABLE_DIFFUSION, "sd-img2img", tiny_folder))
    yield runner
    await runner.close()


async def test_img2img_gives_numbered_pictures_of_the_floored_size(
    img2img: DiffusersRunner, photo: Pixels
) -> None:
    context = Recorder({"seed": 5, "num_inference_steps": 5, "num_outputs": 2}, {"image": photo})
    await img2img.run(context)
    told = [(name, kind) for name, kind, _ in context.outputs]
    assert told == [("out-0.png", "image/png"), ("out-1.png", "image/png")]
    assert [context.image(index).size for index in (0, 1)] == [(128, 96)] * 2
    assert context.metrics == {"image_count": 2}


async def test_the_log_begins_with_the_seed_and_has_a_line_for_every_step(
    img2img: DiffusersRunner, photo: Pixels
) -> None:
    context = Recorder({"seed": 5, "num_inference_steps": 5}, {"image": photo})
    await img2img.run(context)
    assert context.lines[0] == "Using seed: 5"
    assert "the picture is noise" in context.lines[1]
    assert context.progress == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert len(context.lines) == 6


async def test_the_same_seed_gives_the_same_bytes(img2img: DiffusersRunner, photo: Pixels) -> None:
    same = [Recorder({"seed": 0, "num_inference_steps": 4}, {"image": photo}) for _ in range(2)]
    other = Recorder({"seed": 1, "num_inference_steps": 4}, {"image": photo})
    for context in (*same, other):
        await img2img.run(context)
    assert same[0].outputs == same[1].outputs
    assert same[0].outputs != other.outputs
    assert same[0].lines[0] == "Using seed: 0"


@pytest.mark.parametrize("values", [{}, {"seed": None}])
async def test_without_a_seed_one_is_drawn_and_told(
    img2img: DiffusersRunner, photo: Pixels, values: dict[str, JsonScalar]
) -> None:
    drawn = Recorder({**values, "num_inference_steps": 2}, {"image": photo})
    named = Recorder({"seed": 41, "num_inference_steps": 2}, {"image": photo})
    await img2img.run(drawn)
    await img2img.run(named)
    assert drawn.lines[0] == "Using seed: 41"
    assert drawn.outputs == named.outputs


async def test_the_first_of_three_is_the_picture_alone(
    img2img: DiffusersRunner, photo: Pixels
) -> None:
    alone, three = (
        Recorder({"seed": 5, "num_inference_steps": 5, "num_outputs": count}, {"image": photo})
        for count in (1, 3)
    )
    await img2img.run(alone)
    await img2img.run(three)
    assert max(ImageChops.difference(alone.image(), three.image()).tobytes()) <= 1


async def test_a_run_that_is_watched_shows_previews_and_the_same_picture(
    img2img: DiffusersRunner, photo: Pixels
) -> None:
    values = {"seed": 5, "num_inference_steps": 40}
    unseen, seen = Recorder(values, {"image": photo}), Recorder(values, {"image": photo})
    seen.watched = True
    await img2img.run(unseen)
    await img2img.run(seen)
    assert unseen.previews == []
    assert seen.outputs == unseen.outputs
    for width, height, rgb in seen.previews:
        assert (width, height, len(rgb)) == (16, 12, 3 * 16 * 12)
    assert seen.previews
    assert not [line for line in seen.lines if "preview" in line]


@dataclass
class Stopped(Recorder):
    """Told to stop by an event."""

    stop: asyncio.Event = field(default_factory=asyncio.Event)

    async def pause(self, seconds: float) -> None:
        assert seconds > 0
        await self.stop.wait()
        raise RunCanceled("told to stop")


async def test_a_run_canceled_while_its_inputs_are_read_ends_at_once(
    img2img: DiffusersRunner, photo: Pixels, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "slow")
    context = Stopped({}, {"image": Pixels(str(tmp_path / "slow"), 130, 100)})
    running = asyncio.create_task(img2img.run(context))
    # Whoever opens the one end of a pipe waits for the other.
    with await asyncio.to_thread((tmp_path / "slow").open, "wb"):
        context.stop.set()
        with pytest.raises(RunCanceled):
            await running
    after = Recorder({"num_inference_steps": 2}, {"image": photo})
    await img2img.run(after)
    assert len(after.outputs) == 1


def _unets() -> int:
    return sum(type(one).__name__ == "UNet2DConditionModel" for one in gc.get_objects())


async def test_a_version_that_is_closed_leaves_nothing_in_memory(
    shared: Diffusers, tiny_folder: Path, photo: Pixels
) -> None:
    gc.collect()
    before = _unets()
    runner = await _loaded(shared, _version(Family.STABLE_DIFFUSION, "sd-img2img", tiny_folder))
    await runner.run(Recorder({"num_inference_steps": 2}, {"image": photo}))
    assert _unets() == before + 1
    await runner.close()
    assert _unets() == before


@pytest.mark.fault(16)
async def test_a_canceled_run_stops_within_a_step_and_the_next_is_as_ever(
    img2img: DiffusersRunner, photo: Pixels
) -> None:
    values = {"seed": 5, "num_inference_steps": 5}
    before, after = Recorder(values, {"image": photo}), Recorder(values, {"image": photo})
    stopped = Recorder({"num_inference_steps": 100}, {"image": photo}, stop_after=3)
    await img2img.run(before)
    with pytest.raises(RunCanceled):
        await img2img.run(stopped)
    await img2img.run(after)
    assert stopped.progress == [(1, 80), (2, 80), (3, 80)]
    assert stopped.outputs == []
    assert after.outputs == before.outputs


async def test_a_run_canceled_before_it_begins_does_nothing(
    img2img: DiffusersRunner, photo: Pixels
) -> None:
    context = Recorder({}, {"image": photo}, stop_after=0)
    with pytest.raises(RunCanceled):
        await img2img.run(context)
    assert context.lines == []


async def test_a_cancel_at_the_last_step_publishes_nothing(
    img2img: DiffusersRunner, photo: Pixels
) -> None:
    context = Recorder({"num_inference_steps": 5}, {"image": photo}, stop_after=4)
    with pytest.raises(RunCanceled):
        await img2img.run(context)
    assert context.outputs == []


async def test_a_picture_that_was_not_decoded_is_a_failure(img2img: DiffusersRunner) -> None:
    with pytest.raises(RunFailed, match="`image` is not a picture"):
        await img2img.run(Recorder({}, {"image": Bytes("image/png", b"")}))


async def test_a_device_without_room_for_a_picture_is_out_of_memory(
    shared: Diffusers, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise NoRoom

    monkeypatch.setattr("darkroom.runners.diffusers.shared.warm", full)
    version = _version(Family.STABLE_DIFFUSION, "sd-img2img", tiny_folder)
    # By these words its worker knows to load it once more, alone.
    with pytest.raises(WeightsUnavailable, match="out of memory"):
        await _loaded(shared, version)


@pytest.mark.slow
async def test_what_openvino_copies_counts_as_what_a_model_takes(
    shared: Diffusers, tiny_folder: Path, tmp_path: Path
) -> None:
    version = _version(Family.STABLE_DIFFUSION, "sd-img2img", tiny_folder)
    chosen = {"DARKROOM_ENGINE_BACKEND": "openvino", "DARKROOM_ENGINE_CACHE": str(tmp_path)}
    converted = Diffusers(chosen)
    eager = await shared.runner().setup(version, lambda _: None)
    twice = await converted.runner().setup(version, lambda _: None)
    converted.close()
    assert twice.weights_bytes > 1.5 * eager.weights_bytes


async def test_flagged_pictures_are_left_out_and_none_at_all_is_a_failure(
    shared: Diffusers, tmp_path: Path, photo: Pixels
) -> None:
    write_tiny(Family.STABLE_DIFFUSION, tmp_path / "strict")
    file = next((tmp_path / "strict" / "safety_checker").glob("*.safetensors"))
    tensors = load_file(file)
    tensors["concept_embeds_weights"].fill_(-2)
    save_file(tensors, file, metadata={"format": "pt"})
    version = _version(
        Family.STABLE_DIFFUSION, "sd-img2img", tmp_path, weights=str(tmp_path / "strict")
    )
    runner = await _loaded(shared, version)
    context = Recorder({"num_inference_steps": 2}, {"image": photo})
    with pytest.raises(RunFailed, match="NSFW content detected"):
        await runner.run(context)
    await runner.close()
    assert context.outputs == []
    assert context.lines[-1] == "NSFW content detected in image 0"


@pytest.mark.parametrize(
    ("values", "name", "kind", "size"),
    [
        ({}, "output.png", "image/png", (288, 208)),
        ({"output_format": "jpg"}, "output.jpg", "image/jpeg", (288, 208)),
        ({"aspect_ratio": "9:16"}, "output.png", "image/png", (192, 320)),
    ],
)
async def test_two_pictures_are_combined_into_one(
    shared: Diffusers,
    tiny_folder: Path,
    photo: Pixels,
    values: dict[str, JsonScalar],
    name: str,
    kind: str,
    size: tuple[int, int],
) -> None:
    log: list[str] = []
    runner = await _loaded(
        shared, _version(Family.FLUX2_KLEIN, "multi-image-kontext", tiny_folder), log
    )
    files = {"input_image_1": photo, "input_image_2": photo}
    given = {"prompt": "both", "safety_tolerance": 2, **values}
    first, second = Recorder(given, files), Recorder(given, files)
    await runner.run(first)
    await runner.run(second)
    await runner.close()
    assert [one[:2] for one in first.outputs] == [(name, kind)]
    assert first.image().size == size
    assert first.outputs == second.outputs
    assert first.progress == [(step, 4) for step in range(1, 5)]
    assert log[0].startswith("Loaded flux2-klein on ")


@pytest.mark.parametrize("family", [Family.FLUX_KONTEXT, Family.FLUX2_KLEIN])
async def test_kontext_dev_is_served_by_either_family(
    shared: Diffusers, tiny_folder: Path, photo: Pixels, family: Family
) -> None:
    runner = await _loaded(shared, _version(family, "kontext-dev", tiny_folder))
    values = {"prompt": "p", "seed": 3, "num_inference_steps": 4, "go_fast": True}
    context = Recorder({**values, "output_quality": 30}, {"input_image": photo})
    await runner.run(context)
    await runner.close()
    assert [one[:2] for one in context.outputs] == [("output.webp", "image/webp")]
    assert context.image().size == (288, 208)
    assert context.progress == [(step, 4) for step in range(1, 5)]


async def test_missing_weights_are_told_with_what_to_do(shared: Diffusers, tmp_path: Path) -> None:
    version = _version(Family.FLUX_KONTEXT, "kontext-dev", tmp_path, weights="/nowhere/kontext")
    with pytest.raises(WeightsUnavailable, match=r"There is no folder /nowhere/kontext\. Put"):
        await _loaded(shared, version)


@pytest.fixture
def pickled(tmp_path: Path) -> Path:
    """Tiny weights under names that stand for pickled ones."""
    write_tiny(Family.FLUX_KONTEXT, tmp_path / "pickled")
    for file in (tmp_path / "pickled").rglob("*.safetensors"):
        file.rename(file.with_suffix(".bin"))
    return tmp_path / "pickled"


async def test_pickled_weights_are_refused(
    shared: Diffusers, tmp_path: Path, pickled: Path
) -> None:
    version = _version(Family.FLUX_KONTEXT, "kontext-dev", tmp_path, weights=str(pickled))
    with pytest.raises(WeightsUnavailable, match="pickled"):
        await _loaded(shared, version)
