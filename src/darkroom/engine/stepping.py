"""An engine that takes all rows it is given one step further with one call of the denoiser."""

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Protocol

import torch
from PIL.Image import Image
from torch import Tensor

from darkroom.engine.interface import Order, Picture, Row, Thumbnail
from darkroom.engine.pixels import to_image
from darkroom.engine.shortage import shortage
from darkroom.engine.tracks import Denoiser, Track, predicted


class FamilyParts(Protocol):
    """What differs between families; made of the parts of one loaded pipeline."""

    denoiser: Denoiser

    def begin(self, order: Order) -> Sequence[Track]:
        """Encode an order's texts and pictures, draw its noise: `count` tracks, in order."""
        ...

    def notes(self, order: Order) -> Sequence[str]:
        """What of an order has no effect: lines for the log."""
        ...

    def pixels(self, track: Track) -> Tensor:
        """Decode a finished track to (1, 3, H, W), nominally in [-1, 1]."""
        ...

    def flagged(self, image: Image, pixels: Tensor) -> bool:
        """What the safety checker of the weights says of a picture."""
        ...

    def preview(self, track: Track) -> Thumbnail | None:
        """What a track that has taken a step is going to be."""
        ...


class StepEngine:
    """Satisfies `darkroom.engine.interface.Engine`.

    Args:
        family: nobody else may use it.
        weights_bytes: what the weights occupy of the device.
        threads: how many compute, on a CPU; None leaves that to torch.
    """

    def __init__(
        self, family: FamilyParts, *, weights_bytes: int = 0, threads: int | None = None
    ) -> None:
        self.weights_bytes = weights_bytes
        self._family = family
        self._threads = threads
        self._tracks: dict[Row, Track] = {}

    def prepare(self, order: Order) -> Sequence[Row]:
        """Take an order in."""
        with self._computing(), shortage():
            tracks = self._family.begin(order)
        notes = self._family.notes(order)
        rows = [_row(order, index, track, notes) for index, track in enumerate(tracks)]
        self._tracks.update(zip(rows, tracks, strict=True))
        return rows

    def step(self, rows: Sequence[Row], ticked: Callable[[Row], None]) -> None:
        """Advance rows by one call of the denoiser."""
        found = [(row, self._tracks.get(row)) for row in rows]
        moving = [(row, track) for row, track in found if track is not None]
        if not moving:
            return
        with self._computing():
            tracks = [track for _, track in moving]
            with shortage():
                made = predicted(self._family.denoiser, tracks)
            for (row, track), one in zip(moving, made, strict=True):
                try:
                    with shortage():
                        track.advance(one.sample, one.output)
                except Exception as error:  # noqa: BLE001  # a sampler's fault is not its neighbours'
                    row.fault = error
                else:
                    _tell(row, track, ticked)

    def decode(self, row: Row) -> Picture:
        """Decode one row, look at it with the checker of the weights, forget it."""
        track = self._tracks[row]
        with self._computing(), shortage():
            pixels = self._family.pixels(track)
            image = to_image(pixels)
            picture = Picture(image, self._family.flagged(image, pixels))
        self._tracks.pop(row, None)
        return picture

    def preview(self, row: Row) -> Thumbnail | None:
        """What a row is going to be."""
        track = self._tracks.get(row)
        if track is None or track.seen is None:
            return None
        with self._computing(), shortage():
            return self._family.preview(track)

    def cancel(self, rows: Sequence[Row]) -> None:
        """Drop rows."""
        for row in rows:
            if self._tracks.pop(row, None) is not None:
                row.canceled = True

    @contextmanager
    def _computing(self) -> Generator[None]:
        if self._threads is not None and torch.get_num_threads() != self._threads:
            torch.set_num_threads(self._threads)  # of this thread, and of those to come
        with torch.inference_mode():
            yield


def _row(order: Order, index: int, track: Track, notes: Sequence[str]) -> Row:
    return Row(order, index, track.schedule.total, track.key, len(track.lanes), notes)


def _tell(row: Row, track: Track, ticked: Callable[[Row], None]) -> None:
    """Tell every step that was taken, those that were extrapolated among them."""
    while row.done < track.schedule.done and not row.canceled:
        row.done += 1
        row.finished = row.done == row.total
        ticked(row)
