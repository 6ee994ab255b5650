"""How far our pictures are from the stock pipelines': `python -m tests.engine.equality` tells.

It prints the table of docs/engine.md; tests/engine/test_equality.py holds its limits.
"""

import sys
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from tests.engine.making import Kitchen, Made, distance
from tests.engine.orders import orders_of, photo_of
from tests.engine.stock import Stock, as_image
from torch import Tensor

from darkroom.domain.families import Family
from darkroom.engine.device import compute_alone
from darkroom.engine.edge import quieten
from darkroom.engine.interface import Order, Sampler
from darkroom.engine.tiny import tiny_weights

CLOSE = 1e-5
LEVEL = 1
TICKS: tuple[int, ...] = (0, 1, 2, 3, 5, 8)
"""When the orders of a family join, one after the other."""


@dataclass(frozen=True, slots=True)
class Difference:
    """The greatest of pixels from 0 to 1, and of 8-bit channels; how many of those differ."""

    pixels: float
    levels: int
    channels: int
    of: int


def difference_of(made: Made, stock: Tensor) -> Difference:
    """Compare the pictures of one order with (count, 3, H, W) in [0, 1]."""
    pairs = list(zip(made.pixels, made.images, stock, strict=True))
    shown = [(pixels[0].float() / 2 + 0.5).clamp(0, 1) for pixels, _, _ in pairs]
    expected = [as_image(one) for _, _, one in pairs]
    channels = [
        sum(a != b for a, b in zip(image.tobytes(), other.tobytes(), strict=True))
        for (_, image, _), other in zip(pairs, expected, strict=True)
    ]
    return Difference(
        max(
            float((ours - one).abs().max()) for ours, (_, _, one) in zip(shown, pairs, strict=True)
        ),
        max(distance(image, other) for (_, image, _), other in zip(pairs, expected, strict=True)),
        max(channels),
        len(expected[0].tobytes()),
    )


def _rows(folder: Path) -> Iterator[tuple[str, str, Difference]]:
    orders = orders_of(photo_of(128, 96))
    for family in Family:
        weights = tiny_weights(family, folder)
        kitchen, stock = Kitchen(family, weights), Stock(family, weights)
        first, *_ = orders[family]
        for name, order in _alone(family, first):
            yield name, "alone", difference_of(kitchen.alone(order), stock.pixels(order))
        arrivals = dict(zip(TICKS, orders[family], strict=False))
        for order, made in zip(orders[family], kitchen.together(arrivals), strict=True):
            name = f"{family}, {order.sampler or 'own schedule'}, {order.steps} steps"
            yield name, "in company", difference_of(made, stock.pixels(order))


def _alone(family: Family, order: Order) -> Iterator[tuple[str, Order]]:
    if family is Family.STABLE_DIFFUSION:
        for sampler in Sampler:
            yield f"{family}, {sampler}", replace(order, sampler=sampler, guidance=7.5)
        return
    for count in range(len(order.images) + 1):
        yield f"{family}, {count} references", replace(order, images=order.images[:count])


def main() -> None:
    """Print a table in Markdown."""
    quieten()
    compute_alone()
    warnings.simplefilter("ignore")
    tell = sys.stdout.write
    tell("| row | | largest difference | 8-bit channels that differ, by one level |\n")
    tell("| --- | --- | --- | --- |\n")
    with tempfile.TemporaryDirectory() as folder:
        for name, company, found in _rows(Path(folder)):
            told = f"{found.channels} of {found.of:,}"
            tell(f"| {name} | {company} | {found.pixels:.1e} | {told} |\n")


if __name__ == "__main__":
    main()
