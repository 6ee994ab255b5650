"""An engine over the pipelines of diffusers as they are: one order at a time, all its steps.

`step` runs the whole schedule of one order, which the interface allows. The rows of an order
are one batch.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import torch
from PIL.Image import Image
from torch import Tensor

from darkroom.domain.errors import RunFailed
from darkroom.engine.interface import Order, Picture, Row
from darkroom.engine.pixels import to_image


class FamilyPipeline(Protocol):
    """What differs between families."""

    def steps(self, order: Order) -> int:
        """How many steps an order takes, as far as is known before the first."""
        ...

    def denoise(self, order: Order, after_step: Callable[[int, int], None]) -> Tensor:
        """Run all steps; *after_step* gets steps taken and in all, and may raise to end it."""
        ...

    def pixels(self, latents: Tensor, order: Order) -> Tensor:
        """Decode one row of what `denoise` gave to (1, 3, H, W), nominally in [-1, 1]."""
        ...

    def flagged(self, image: Image, pixels: Tensor) -> bool:
        """What the safety checker of the weights says of a picture."""
        ...


class _Dropped(Exception):
    """Every row of the order that runs has been canceled."""


@dataclass(eq=False, slots=True)
class _Batch:
    order: Order
    rows: list[Row]
    latents: Tensor | None = field(default=None, init=False)


class StockEngine:
    """Satisfies `darkroom.engine.interface.Engine`.

    Args:
        pipeline: loaded; nobody else may use it.
    """

    def __init__(self, pipeline: FamilyPipeline) -> None:
        self._pipeline = pipeline
        self._batches: dict[Row, _Batch] = {}

    def prepare(self, order: Order) -> Sequence[Row]:
        """Take an order in; its pictures are encoded with the first step."""
        total = self._pipeline.steps(order)
        batch = _Batch(order, [Row(order, index, total) for index in range(order.count)])
        self._batches.update(dict.fromkeys(batch.rows, batch))
        return batch.rows

    def step(self, rows: Sequence[Row], ticked: Callable[[Row], None]) -> None:
        """Run the order of the first row that is under way to its end."""
        batch = self._batches[next(row for row in rows if not row.finished and not row.canceled)]

        def after_step(done: int, total: int) -> None:
            _advance(batch.rows, done, total, ticked)

        try:
            with torch.inference_mode():
                batch.latents = self._pipeline.denoise(batch.order, after_step)
        except _Dropped:
            return
        except torch.OutOfMemoryError as error:
            raise _no_room(batch.order) from error
        for row in batch.rows:
            row.finished = not row.canceled

    def decode(self, row: Row) -> Picture:
        """Decode one row, look at it with the checker of the weights, forget it."""
        batch = self._batches.pop(row)
        if batch.latents is None:
            raise ValueError("a row is decoded after its last step")
        try:
            with torch.inference_mode():
                latents = batch.latents[row.index : row.index + 1]
                pixels = self._pipeline.pixels(latents, batch.order)
                image = to_image(pixels)
                return Picture(image, self._pipeline.flagged(image, pixels))
        except torch.OutOfMemoryError as error:
            raise _no_room(batch.order) from error

    def cancel(self, rows: Sequence[Row]) -> None:
        """Drop rows; the run ends when the last row of its order is dropped."""
        for row in rows:
            row.canceled = row.canceled or row in self._batches
            self._batches.pop(row, None)


def _advance(rows: Sequence[Row], done: int, total: int, ticked: Callable[[Row], None]) -> None:
    for row in rows:
        if not row.canceled:
            row.done, row.total = done, total
            ticked(row)
    if all(row.canceled for row in rows):
        raise _Dropped


def _no_room(order: Order) -> RunFailed:
    torch.cuda.empty_cache()
    return RunFailed(
        f"The device has too little memory for {order.count} picture(s) of "
        f"{order.width} x {order.height}. Ask for fewer or smaller ones."
    )
