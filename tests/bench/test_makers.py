"""Both makers of the engine's bench do the same work, for every family."""

from contextlib import closing
from pathlib import Path

import pytest
from bench.engine.asked import Setup, Wanted
from bench.engine.case import EAGER, STOCK
from bench.engine.pixels import difference
from bench.engine.served import EngineMaker
from bench.engine.stock import StockMaker
from msgspec.structs import replace

from darkroom.domain.families import Family
from darkroom.engine.tiny import tiny_weights

SIDE = 64
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.mark.parametrize("family", Family)
def test_both_makers_make_the_same_pictures(family: Family, tmp_path: Path) -> None:
    setup = Setup(
        maker=STOCK,
        family=family,
        folder=str(tiny_weights(family, tmp_path)),
        device="cpu",
        dtype="float32",
        alone=True,
    )
    orders = [Wanted(seed=seed, side=SIDE, steps=4) for seed in (3, 4)]
    stock = StockMaker(setup).make(orders)
    with closing(EngineMaker(replace(setup, maker=EAGER))) as engine:
        own = engine.make(orders)
    assert [len(one.pixels) for one in stock.came] == [3 * SIDE * SIDE] * 2
    assert difference(stock.came[0].pixels, stock.came[1].pixels) > 1
    for one, other in zip(stock.came, own.came, strict=True):
        assert difference(one.pixels, other.pixels) <= 1
        assert other.steps == 4
    assert own.busy is not None
    assert 0 < own.busy <= 1
