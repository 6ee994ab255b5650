"""Orders made by an engine, whose rows join and leave as a test says; what came of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image, ImageChops
from torch import Tensor

from darkroom.domain.families import Family
from darkroom.engine.backends.eager import EagerBackend
from darkroom.engine.backends.interface import Backend
from darkroom.engine.device import Device
from darkroom.engine.interface import Engine, Order, Picture, Row, Thumbnail
from darkroom.engine.loading import load_engine, load_parts
from darkroom.engine.sources import Sources
from darkroom.engine.stepping import FamilyParts, StepEngine
from darkroom.engine.tracks import Denoiser, Track

CPU = Device(torch.device("cpu"), torch.float32)


def ignore(line: object) -> None:
    """Takes whatever is told."""
    assert line is not None


class Watched:
    """The parts of a family; notes the tracks of the last order, rows of calls and all pixels."""

    def __init__(self, parts: FamilyParts) -> None:
        self._parts = parts
        self.calls: list[int] = []
        self.begun: Sequence[Track] = ()
        self.pixels_made: list[Tensor] = []
        self.denoiser: Denoiser = self._denoise

    def begin(self, order: Order) -> Sequence[Track]:
        self.begun = self._parts.begin(order)
        return self.begun

    def notes(self, order: Order) -> Sequence[str]:
        return self._parts.notes(order)

    def pixels(self, track: Track) -> Tensor:
        made = self._parts.pixels(track)
        self.pixels_made.append(made)
        return made

    def flagged(self, image: Image.Image, pixels: Tensor) -> bool:
        return self._parts.flagged(image, pixels)

    def preview(self, track: Track) -> Thumbnail | None:
        return self._parts.preview(track)

    def _denoise(self, *tensors: Tensor) -> Tensor:
        self.calls.append(len(tensors[0]))
        return self._parts.denoiser(*tensors)


@dataclass(frozen=True, slots=True)
class Made:
    """What came of an order: its pictures and, before rounding, their pixels."""

    images: Sequence[Image.Image]
    pixels: Sequence[Tensor]


class Kitchen:
    """An engine over the weights in a folder, and what its denoiser was asked."""

    def __init__(
        self, family: Family, folder: Path, backend: Backend | None = None, device: Device = CPU
    ) -> None:
        backend = backend or EagerBackend(ignore)
        self.watched = Watched(load_parts(family, folder, device, backend)[0])
        self.engine: Engine = StepEngine(self.watched, threads=1)

    def alone(self, order: Order) -> Made:
        """Make one order by itself."""
        return self.together({0: order})[0]

    def together(self, arrivals: Mapping[int, Order]) -> Sequence[Made]:
        """Make orders that arrive at the ticks named, stacked whenever their keys are equal."""
        waiting = dict(sorted(arrivals.items()))
        rows: dict[int, Sequence[Row]] = {}
        tick = 0
        while waiting or any(not row.finished for one in rows.values() for row in one):
            if tick in waiting:
                rows[tick] = self.engine.prepare(waiting.pop(tick))
            active = [row for one in rows.values() for row in one if not row.finished]
            for key in {row.key for row in active}:
                self.engine.step([row for row in active if row.key == key], ignore)
            tick += 1
        return [self._decoded(one) for one in rows.values()]

    def _decoded(self, rows: Sequence[Row]) -> Made:
        self.watched.pixels_made.clear()
        images = [self.engine.decode(row).image for row in rows]
        return Made(images, list(self.watched.pixels_made))


def tiny_engine(family: Family, weights: Path | Sources) -> Engine:
    """An engine over *weights*, computed as they are, by one thread."""
    return load_engine(family, weights, CPU, EagerBackend(ignore), threads=1)


def pictures(engine: Engine, order: Order, ticked: Callable[[Row], None] = ignore) -> list[Picture]:
    """All pictures of an order made alone."""
    rows = engine.prepare(order)
    while not all(row.finished for row in rows):
        engine.step(rows, ticked)
    return [engine.decode(row) for row in rows]


def distance(one: Image.Image, other: Image.Image) -> int:
    """The greatest difference of a channel, of 255 levels."""
    return max(ImageChops.difference(one, other).tobytes())
