from collections.abc import Mapping
from pathlib import Path

import pytest
from PIL import Image
from tests.engine.making import Kitchen, distance, pictures

from darkroom.domain.families import Family
from darkroom.engine.interface import Order, Row

STEPS = 28


@pytest.fixture(scope="module")
def kitchen(tiny: Mapping[Family, Path]) -> Kitchen:
    return Kitchen(Family.FLUX_KONTEXT, tiny[Family.FLUX_KONTEXT])


def _order(photo: Image.Image, seed: int, *, fast: bool) -> Order:
    return Order(
        prompt="a tower",
        width=80,
        height=112,
        images=(photo,),
        steps=STEPS,
        guidance=2.5,
        seed=seed,
        go_fast=fast,
    )


def test_thirteen_of_twenty_eight_steps_are_computed_and_all_are_told(
    kitchen: Kitchen, photo: Image.Image
) -> None:
    kitchen.watched.calls.clear()
    told: list[int] = []

    def ticked(row: Row) -> None:
        told.append(row.done)

    pictures(kitchen.engine, _order(photo, 1, fast=True), ticked)
    assert len(kitchen.watched.calls) == 13
    assert told == list(range(1, STEPS + 1))


def test_a_guessed_picture_is_near_the_computed_one(kitchen: Kitchen, photo: Image.Image) -> None:
    fast, full = (kitchen.alone(_order(photo, 1, fast=fast)).images[0] for fast in (True, False))
    assert 0 < distance(fast, full) < 64


def test_rows_that_guess_and_rows_that_do_not_share_a_batch(
    kitchen: Kitchen, photo: Image.Image
) -> None:
    orders = {0: _order(photo, 1, fast=True), 2: _order(photo, 2, fast=False)}
    alone = [kitchen.alone(order).images[0] for order in orders.values()]
    made = kitchen.together(orders)
    assert max(distance(one.images[0], other) for one, other in zip(made, alone, strict=True)) <= 1
