import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import (
    load_file,  # pyright: ignore[reportUnknownVariableType]  # a bare PathLike of theirs
    save_file,  # pyright: ignore[reportUnknownVariableType]  # likewise
)
from tests.engine.making import distance, ignore, pictures, tiny_engine
from torch import Tensor

from darkroom.domain.errors import RunFailed, WeightsUnavailable
from darkroom.domain.families import Family
from darkroom.engine.interface import Engine, Order, Row, Sampler

# The Euler schedules of diffusers hand a tensor to numpy in a way that numpy 2 will not take.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

LEVEL = 1  # a row in a batch may differ from the row alone by the rounding of one level


@pytest.fixture(scope="module")
def engine(tiny: dict[Family, Path]) -> Engine:
    return tiny_engine(Family.STABLE_DIFFUSION, tiny[Family.STABLE_DIFFUSION])


@pytest.fixture
def order(photo: Image.Image) -> Order:
    return Order(
        prompt="a lighthouse",
        width=photo.width,
        height=photo.height,
        images=(photo,),
        steps=5,
        strength=0.8,
        guidance=7.5,
        seed=7,
        sampler=Sampler.DPM_SOLVER_MULTISTEP,
    )


def _images(engine: Engine, order: Order) -> list[Image.Image]:
    return [one.image for one in pictures(engine, order)]


@pytest.mark.parametrize("sampler", Sampler)
def test_the_same_order_gives_the_same_bytes(
    engine: Engine, order: Order, sampler: Sampler
) -> None:
    first, second = (_images(engine, replace(order, sampler=sampler))[0] for _ in range(2))
    assert first.tobytes() == second.tobytes()
    assert first.size == (order.width, order.height)


@pytest.mark.parametrize("sampler", Sampler)
def test_the_first_of_three_is_the_picture_alone(
    engine: Engine, order: Order, sampler: Sampler
) -> None:
    alone = _images(engine, replace(order, sampler=sampler))[0]
    first, second, third = _images(engine, replace(order, sampler=sampler, count=3))
    assert distance(alone, first) <= LEVEL
    assert min(distance(first, second), distance(second, third)) > 10


def test_every_sampler_makes_a_picture_of_its_own(engine: Engine, order: Order) -> None:
    made = [_images(engine, replace(order, sampler=one))[0].tobytes() for one in Sampler]
    assert len(set(made)) == len(Sampler)


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 0},
        {"prompt": "a cat"},
        {"negative_prompt": "sea"},
        {"guidance": 2.0},
        {"strength": 0.4},
        {"steps": 6},
    ],
    ids=str,
)
def test_each_wish_changes_the_picture(
    engine: Engine, order: Order, change: dict[str, float]
) -> None:
    assert _images(engine, order)[0] != _images(engine, replace(order, **change))[0]


@pytest.mark.parametrize("sampler", Sampler)
@pytest.mark.parametrize(("steps", "strength"), [(25, 0.0), (1, 0.5), (49, 0.01)])
def test_a_schedule_cut_to_nothing_still_takes_a_step(
    engine: Engine, order: Order, sampler: Sampler, steps: int, strength: float
) -> None:
    taken: list[int] = []
    wish = replace(order, sampler=sampler, steps=steps, strength=strength)
    pictures(engine, wish, lambda row: taken.append(row.done))
    assert taken[0] == 1
    assert len(taken) <= 2  # PNDM repeats its first


def test_every_step_of_every_row_is_told(engine: Engine, order: Order) -> None:
    told: list[tuple[int, int, int]] = []
    pictures(
        engine,
        replace(order, count=2),
        lambda row: told.append((row.index, row.done, row.total)),
    )
    assert told == [(index, done, 4) for done in range(1, 5) for index in range(2)]


@pytest.mark.fault(16)
def test_a_canceled_order_stops_within_a_step_and_the_next_is_as_ever(
    engine: Engine, order: Order
) -> None:
    before = _images(engine, order)[0]
    rows = engine.prepare(replace(order, steps=50))

    def ticked(row: Row) -> None:
        if row.done == 2:
            engine.cancel(rows)

    for _ in range(3):
        engine.step(rows, ticked)
    assert [(row.done, row.finished, row.canceled) for row in rows] == [(2, False, True)]
    assert _images(engine, order)[0] == before


def test_one_row_canceled_leaves_the_others_as_they_were(engine: Engine, order: Order) -> None:
    whole = _images(engine, replace(order, count=2))
    rows = engine.prepare(replace(order, count=2))
    engine.step(rows, lambda row: engine.cancel(rows[:1]) if row is rows[0] else None)
    while not rows[1].finished:
        engine.step(rows[1:], ignore)
    assert (rows[0].done, rows[0].finished, rows[0].canceled) == (1, False, True)
    assert distance(engine.decode(rows[1]).image, whole[1]) <= LEVEL


def _spoilt(
    tiny: dict[Family, Path], to: Path, part: str, change: Callable[[str, Tensor], Tensor]
) -> Engine:
    folder = Path(shutil.copytree(tiny[Family.STABLE_DIFFUSION], to / "spoilt"))
    file = next((folder / part).glob("*.safetensors"))
    tensors = {name: change(name, one) for name, one in load_file(file).items()}
    save_file(tensors, file, metadata={"format": "pt"})
    return tiny_engine(Family.STABLE_DIFFUSION, folder)


def test_the_checker_of_the_weights_flags_what_it_finds(
    tiny: dict[Family, Path], tmp_path: Path, engine: Engine, order: Order
) -> None:
    strict = _spoilt(
        tiny,
        tmp_path,
        "safety_checker",
        lambda name, one: torch.full_like(one, -2.0) if name == "concept_embeds_weights" else one,
    )
    assert [one.flagged for one in pictures(strict, order)] == [True]
    assert [one.flagged for one in pictures(engine, order)] == [False]


@pytest.mark.parametrize(("value", "told"), [(float("nan"), "no numbers"), (-1e4, "black picture")])
def test_a_picture_of_nothing_is_a_failure(
    tiny: dict[Family, Path], tmp_path: Path, order: Order, value: float, told: str
) -> None:
    broken = _spoilt(
        tiny,
        tmp_path,
        "vae",
        lambda name, one: torch.full_like(one, value) if name == "decoder.conv_out.bias" else one,
    )
    with pytest.raises(RunFailed, match=told):
        pictures(broken, order)


def test_weights_cut_off_in_the_middle_are_told(tiny: dict[Family, Path], tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny[Family.STABLE_DIFFUSION], tmp_path / "cut"))
    file = folder / "unet" / "diffusion_pytorch_model.safetensors"
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(WeightsUnavailable, match="do not load"):
        tiny_engine(Family.STABLE_DIFFUSION, folder)


@pytest.mark.parametrize(("family", "most"), [(Family.FLUX_KONTEXT, 1), (Family.FLUX2_KLEIN, 2)])
@pytest.mark.parametrize("references", [0, 1, 2])
def test_flux_takes_references_and_gives_the_size_asked_for(
    tiny: dict[Family, Path], photo: Image.Image, family: Family, most: int, references: int
) -> None:
    flux = tiny_engine(family, tiny[family])
    pictures = (photo, photo.rotate(90, expand=True))[: min(references, most)]
    order = Order(prompt="both", width=80, height=112, steps=3, seed=3, images=pictures, guidance=2)
    alone = _images(flux, order)[0]
    assert alone.size == (80, 112)
    assert _images(flux, order)[0] == alone
    first, second = _images(flux, replace(order, count=2))
    assert distance(first, alone) <= LEVEL
    assert first != second


def test_weights_that_find_no_memory_are_not_called_damaged(
    tiny: dict[Family, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        torch.empty(2**60, dtype=torch.uint8)

    monkeypatch.setattr("darkroom.engine.pipelines.apply_loras", full)
    with pytest.raises(WeightsUnavailable, match=r"out of memory: .* Choose smaller weights"):
        tiny_engine(Family.STABLE_DIFFUSION, tiny[Family.STABLE_DIFFUSION])
