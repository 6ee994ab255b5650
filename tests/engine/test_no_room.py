"""Out of memory, as torch tells it: nobody fails for it who could go on with fewer beside him."""

import json
import shutil
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import torch
from PIL import Image
from tests.engine.making import CPU, Kitchen, distance, ignore, pictures, tiny_engine
from torch import Tensor, nn

from darkroom.domain.errors import WeightsUnavailable
from darkroom.domain.families import Family
from darkroom.engine.backends.eager import EagerBackend
from darkroom.engine.backends.interface import Part
from darkroom.engine.interface import NoRoom, Order, Picture, Row
from darkroom.engine.loading import load_engine
from darkroom.engine.loop import Loop
from darkroom.engine.meters import NoMeter
from darkroom.engine.schedule import Schedule
from darkroom.engine.stepping import StepEngine

# The Euler schedules of diffusers hand a tensor to numpy in a way that numpy 2 will not take.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

WAIT_SECONDS = 60
TOO_MUCH = 2**60


class Narrow:
    """A denoiser for which the memory suffices for *rows* rows; more of them are really asked for.

    On a CPU torch is asked for more memory than there is. What CUDA raises cannot be provoked
    without a card, so the test raises it.
    """

    batches: Sequence[int] | None = None
    name = "denoiser"

    def __init__(self, call: nn.Module, rows: int, *, cuda: bool) -> None:
        self._call = call
        self._rows = rows
        self._cuda = cuda

    def __call__(self, *tensors: Tensor) -> Tensor:
        if len(tensors[0]) > self._rows:
            if self._cuda:
                raise torch.OutOfMemoryError("CUDA out of memory.")
            torch.empty(TOO_MUCH, dtype=torch.uint8)
        return self._call(*tensors)


class NarrowBackend(EagerBackend):
    """Computes denoisers as `Narrow` does."""

    def __init__(self, rows: int, *, cuda: bool) -> None:
        super().__init__(ignore)
        self._rows = rows
        self._cuda = cuda

    def denoiser(self, call: nn.Module) -> Part:
        return Narrow(call, self._rows, cuda=self._cuda)


@dataclass
class Heard:
    """Satisfies `Listener`."""

    images: list[Image.Image] = field(default_factory=list[Image.Image])
    error: BaseException | None = None
    over: threading.Event = field(default_factory=threading.Event)

    def begun(self) -> None:
        assert not self.images

    def ticked(self, row: Row) -> None:
        assert row.done

    def made(self, row: Row, picture: Picture) -> None:
        assert row.finished
        self.images.append(picture.image)

    def ended(self, error: BaseException | None) -> None:
        self.error = error
        self.over.set()


@pytest.fixture
def order(photo: Image.Image) -> Order:
    return Order(
        prompt="a tower", width=128, height=96, images=(photo,), steps=6, seed=1, guidance=4.0
    )


@pytest.fixture
def loop() -> Iterator[Loop]:
    made = Loop(NoMeter())
    yield made
    made.close()


def _narrow(tiny: Mapping[Family, Path], rows: int, *, cuda: bool = False) -> StepEngine:
    family = Family.STABLE_DIFFUSION
    return load_engine(family, tiny[family], CPU, NarrowBackend(rows, cuda=cuda), threads=1)


@pytest.mark.parametrize("where", ["cpu", "cuda"])
def test_a_step_without_room_moves_no_row(
    tiny: Mapping[Family, Path], order: Order, where: str
) -> None:
    engine = _narrow(tiny, 2, cuda=where == "cuda")
    rows = engine.prepare(replace(order, count=2))
    with pytest.raises(NoRoom):
        engine.step(rows, ignore)
    assert [row.done for row in rows] == [0, 0]
    while not all(row.finished for row in rows):
        for row in rows:
            engine.step([row], ignore)
    plain = tiny_engine(Family.STABLE_DIFFUSION, tiny[Family.STABLE_DIFFUSION])
    whole = [one.image for one in pictures(plain, replace(order, count=2))]
    made = [engine.decode(row).image for row in rows]
    assert max(distance(one, other) for one, other in zip(made, whole, strict=True)) <= 1


def test_orders_are_made_in_smaller_batches_and_none_fails(
    tiny: Mapping[Family, Path], order: Order, loop: Loop
) -> None:
    engine = _narrow(tiny, 4)
    orders = [replace(order, seed=seed) for seed in range(5)]
    heard = [Heard() for _ in orders]
    for one, listener in zip(orders, heard, strict=True):
        loop.submit(engine, one, listener)
    assert all(one.over.wait(WAIT_SECONDS) for one in heard)
    assert [one.error for one in heard] == [None] * len(orders)
    plain = tiny_engine(Family.STABLE_DIFFUSION, tiny[Family.STABLE_DIFFUSION])
    for one, listener in zip(orders, heard, strict=True):
        assert distance(listener.images[0], pictures(plain, one)[0].image) <= 1


def test_an_order_too_large_by_itself_is_told_what_to_do(
    tiny: Mapping[Family, Path], order: Order, loop: Loop
) -> None:
    heard = Heard()
    loop.submit(_narrow(tiny, 1), order, heard)
    assert heard.over.wait(WAIT_SECONDS)
    assert "too little memory for a picture of 128 x 96. Ask for a smaller one." in str(heard.error)


def test_weights_too_large_for_the_device_are_told_in_the_words_that_workers_look_for(
    tiny: Mapping[Family, Path], tmp_path: Path
) -> None:
    family = Family.STABLE_DIFFUSION
    folder = Path(shutil.copytree(tiny[family], tmp_path / "huge"))
    file = folder / "unet" / "config.json"
    config = json.loads(file.read_text("utf-8"))
    file.write_text(json.dumps({**config, "cross_attention_dim": 2**44}), "utf-8")
    with pytest.raises(WeightsUnavailable, match=r"out of memory: .*huge do not fit"):
        load_engine(family, folder, CPU, EagerBackend(ignore))


class Starved(Schedule):
    """A schedule whose step asks for more memory than there is."""

    def advance(self, prediction: Tensor, latents: Tensor) -> Tensor:
        torch.empty(TOO_MUCH, dtype=torch.uint8)
        return super().advance(prediction, latents)


def test_a_sampler_without_room_is_the_fault_of_its_row_alone(
    tiny: Mapping[Family, Path], order: Order
) -> None:
    family = Family.STABLE_DIFFUSION
    kitchen = Kitchen(family, tiny[family])
    rows = kitchen.engine.prepare(replace(order, count=2))
    kitchen.watched.begun[0].schedule.__class__ = Starved
    kitchen.engine.step(rows, ignore)
    assert [type(row.fault) for row in rows] == [NoRoom, type(None)]
    assert [row.done for row in rows] == [0, 1]
