"""In bfloat16 a picture is the one that diffusers makes in bfloat16, up to the rounding of that."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
import torch
from PIL import Image
from tests.engine.equality import LEVEL, TICKS, difference_of
from tests.engine.making import Kitchen, Made, ignore
from tests.engine.orders import orders_of
from tests.engine.stock import Stock
from torch import Tensor, nn

from darkroom.domain.families import Family
from darkroom.engine.backends.buckets import Bucketed
from darkroom.engine.backends.eager import EagerBackend
from darkroom.engine.backends.interface import Part
from darkroom.engine.device import Device
from darkroom.engine.interface import Order

# The Euler schedules of diffusers hand a tensor to numpy in a way that numpy 2 will not take.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

HALF = Device(torch.device("cpu"), torch.bfloat16)
FURTHER = 1.3
"""Measured are 0.92 to 1.06, as layout and batch change what is rounded; never to the worse."""


class PlainBackend(EagerBackend):
    """Computes modules as they are laid out."""

    def denoiser(self, call: nn.Module) -> Part:
        return Bucketed(call, None)

    def part(self, name: str, call: nn.Module) -> Part:
        assert name
        return Bucketed(call, None)


@pytest.fixture
def orders(photo: Image.Image) -> Mapping[Family, Sequence[Order]]:
    return orders_of(photo)


@pytest.mark.parametrize("family", Family)
def test_laid_out_alike_it_is_the_stock_picture_to_one_level(
    tiny: Mapping[Family, Path], orders: Mapping[Family, Sequence[Order]], family: Family
) -> None:
    kitchen = Kitchen(family, tiny[family], PlainBackend(ignore), HALF)
    stock = Stock(family, tiny[family], torch.bfloat16)
    for order in orders[family]:
        assert difference_of(kitchen.alone(order), stock.pixels(order)).levels <= LEVEL


@pytest.mark.parametrize("family", Family)
def test_as_served_it_is_no_further_from_full_precision_than_the_stock_picture(
    tiny: Mapping[Family, Path], orders: Mapping[Family, Sequence[Order]], family: Family
) -> None:
    half, full = (Stock(family, tiny[family], one) for one in (torch.bfloat16, torch.float32))
    arrivals = dict(zip(TICKS, orders[family], strict=False))
    served = Kitchen(family, tiny[family], device=HALF).together(arrivals)
    for order, made in zip(orders[family], served, strict=True):
        exact = full.pixels(order)
        assert _off(_shown(made), exact) <= FURTHER * _off(half.pixels(order), exact)


def _shown(made: Made) -> Tensor:
    return (torch.cat(list(made.pixels)).float() / 2 + 0.5).clamp(0, 1)


def _off(pixels: Tensor, exact: Tensor) -> float:
    """The mean difference of a channel."""
    return float((pixels - exact).abs().mean())
