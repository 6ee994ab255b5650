"""A picture is the one that diffusers makes, whoever shares the batch: docs/engine.md's table."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image
from tests.engine.equality import CLOSE, LEVEL, TICKS, difference_of
from tests.engine.making import Kitchen, Made, ignore
from tests.engine.orders import orders_of
from tests.engine.stock import Stock
from torch import Tensor

from darkroom.domain.families import Family
from darkroom.engine.backends.eager import EagerBackend
from darkroom.engine.interface import Order, Sampler

# The Euler schedules of diffusers hand a tensor to numpy in a way that numpy 2 will not take.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.fixture(scope="module")
def kitchens(tiny: Mapping[Family, Path]) -> Mapping[Family, Kitchen]:
    return {family: Kitchen(family, tiny[family]) for family in Family}


@pytest.fixture(scope="module")
def stocks(tiny: Mapping[Family, Path]) -> Mapping[Family, Stock]:
    return {family: Stock(family, tiny[family]) for family in Family}


@pytest.fixture
def orders(photo: Image.Image) -> Mapping[Family, Sequence[Order]]:
    return orders_of(photo)


def _same(made: Made, stock: Tensor) -> None:
    difference = difference_of(made, stock)
    assert difference.pixels <= CLOSE
    assert difference.levels <= LEVEL


@pytest.mark.parametrize("sampler", Sampler)
@pytest.mark.parametrize("guidance", [1.0, 7.5])
def test_each_sampler_makes_what_the_stock_pipeline_makes(
    kitchens: Mapping[Family, Kitchen],
    stocks: Mapping[Family, Stock],
    orders: Mapping[Family, Sequence[Order]],
    sampler: Sampler,
    guidance: float,
) -> None:
    family = Family.STABLE_DIFFUSION
    order = replace(orders[family][0], sampler=sampler, guidance=guidance, negative_prompt="fog")
    _same(kitchens[family].alone(order), stocks[family].pixels(order))


@pytest.mark.parametrize("family", [Family.FLUX_KONTEXT, Family.FLUX2_KLEIN])
@pytest.mark.parametrize("references", [0, 1, 2])
def test_flux_makes_what_the_stock_pipeline_makes_of_references(
    kitchens: Mapping[Family, Kitchen],
    stocks: Mapping[Family, Stock],
    orders: Mapping[Family, Sequence[Order]],
    family: Family,
    references: int,
) -> None:
    order = orders[family][0]
    order = replace(order, images=order.images[:references])
    _same(kitchens[family].alone(order), stocks[family].pixels(order))


@pytest.mark.parametrize("family", Family)
def test_in_company_every_row_is_what_the_stock_pipeline_makes_of_it_alone(
    kitchens: Mapping[Family, Kitchen],
    stocks: Mapping[Family, Stock],
    orders: Mapping[Family, Sequence[Order]],
    family: Family,
) -> None:
    kitchen = kitchens[family]
    kitchen.watched.calls.clear()
    arrivals = dict(zip(TICKS, orders[family], strict=False))
    made = kitchen.together(arrivals)
    assert max(kitchen.watched.calls) > 2
    for one, order in zip(made, orders[family], strict=True):
        _same(one, stocks[family].pixels(order))


@pytest.mark.parametrize("family", [Family.FLUX_KONTEXT, Family.FLUX2_KLEIN])
def test_several_pictures_are_drawn_in_order_from_one_generator(
    kitchens: Mapping[Family, Kitchen],
    stocks: Mapping[Family, Stock],
    orders: Mapping[Family, Sequence[Order]],
    family: Family,
) -> None:
    order = replace(orders[family][0], count=3)
    _same(kitchens[family].alone(order), stocks[family].pixels(order))


@pytest.mark.parametrize("family", Family)
@pytest.mark.parametrize("rows", [1, 3, 4])
def test_with_a_fixed_batch_neighbours_change_no_bit(
    tiny: Mapping[Family, Path],
    orders: Mapping[Family, Sequence[Order]],
    family: Family,
    rows: int,
) -> None:
    kitchen = Kitchen(family, tiny[family], EagerBackend(ignore, [rows]))
    alone = [kitchen.alone(order).images[0].tobytes() for order in orders[family]]
    made = kitchen.together(dict(enumerate(orders[family])))
    assert [one.images[0].tobytes() for one in made] == alone
