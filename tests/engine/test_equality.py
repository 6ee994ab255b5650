"""A picture is the one that diffusers makes, whoever shares the batch: docs/engine.md's table."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image
from tests.engine.making import Kitchen, Made, distance, ignore
from tests.engine.stock import Stock, as_image
from torch import Tensor

from darkroom.domain.families import Family
from darkroom.engine.backends.eager import EagerBackend
from darkroom.engine.interface import Order, Sampler

# The Euler schedules of diffusers hand a tensor to numpy in a way that numpy 2 will not take.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

CLOSE = 1e-5
LEVEL = 1


@pytest.fixture(scope="module")
def kitchens(tiny: Mapping[Family, Path]) -> Mapping[Family, Kitchen]:
    return {family: Kitchen(family, tiny[family]) for family in Family}


@pytest.fixture(scope="module")
def stocks(tiny: Mapping[Family, Path]) -> Mapping[Family, Stock]:
    return {family: Stock(family, tiny[family]) for family in Family}


@pytest.fixture
def orders(photo: Image.Image) -> Mapping[Family, Sequence[Order]]:
    """For each family what its rows may differ in, at one geometry."""
    turned = photo.transpose(Image.Transpose.ROTATE_180)
    large = photo.resize((160, 96))
    sd = Order(
        prompt="a lighthouse",
        width=128,
        height=96,
        images=(photo,),
        steps=10,
        strength=0.8,
        guidance=7.5,
        seed=7,
    )
    several = [
        replace(
            sd,
            prompt=f"number {index}",
            negative_prompt="rain" * index,
            images=((photo, turned)[index % 2],),
            steps=10 + 3 * index,
            strength=0.5 + 0.08 * index,
            guidance=(1.0, 1.5, 3.0, 7.5, 9.0, 6.0)[index],
            seed=100 + index,
            sampler=sampler,
        )
        for index, sampler in enumerate(Sampler)
    ]
    kontext = replace(sd, width=80, height=112, strength=1.0, guidance=2.5, steps=6)
    klein = replace(kontext, images=(photo, large), steps=4, guidance=1.0)
    return {
        Family.STABLE_DIFFUSION: several,
        Family.FLUX_KONTEXT: [
            kontext,
            replace(kontext, prompt="a tower", images=(turned,), steps=11, guidance=1.0, seed=1),
            replace(kontext, prompt="a ship at sea", steps=5, guidance=4.0, seed=2**31),
        ],
        Family.FLUX2_KLEIN: [
            klein,
            replace(klein, prompt="both", images=(turned, large), steps=7, seed=3),
            replace(klein, prompt="the second", seed=4),
        ],
    }


def _same(made: Made, stock: Tensor) -> None:
    for pixels, expected in zip(made.pixels, stock, strict=True):
        shown = (pixels[0] / 2 + 0.5).clamp(0, 1)
        assert float((shown - expected).abs().max()) <= CLOSE
    for image, expected in zip(made.images, stock, strict=True):
        assert distance(image, as_image(expected)) <= LEVEL


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
    ticks: list[int] = [0, 1, 2, 3, 5, 8]
    arrivals = dict(zip(ticks, orders[family], strict=False))
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
