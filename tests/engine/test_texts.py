"""What a model does not read of a text is told."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image
from tests.engine.making import tiny_engine

from darkroom.domain.families import Family
from darkroom.engine.interface import Order, Sampler

# Tiny tokenizers make a token of every character; the marks around a text take the rest.
READ = {Family.STABLE_DIFFUSION: 75, Family.FLUX_KONTEXT: 510, Family.FLUX2_KLEIN: 493}


@pytest.fixture
def order(photo: Image.Image) -> Order:
    return Order(
        prompt="a",
        width=128,
        height=96,
        images=(photo,),
        steps=2,
        seed=1,
        guidance=4.0,
        sampler=Sampler.DDIM,
    )


def notes(tiny: Mapping[Family, Path], family: Family, order: Order) -> list[str]:
    rows = tiny_engine(family, tiny[family]).prepare(order)
    return list(rows[0].notes)


@pytest.mark.parametrize("family", Family)
def test_a_prompt_too_long_is_told_and_one_that_fits_is_not(
    tiny: Mapping[Family, Path], order: Order, family: Family
) -> None:
    most = READ[family]
    assert notes(tiny, family, replace(order, prompt="a" * most)) == []
    told = notes(tiny, family, replace(order, prompt="a" * (most + 1)))
    assert len(told) == 1
    assert told[0].startswith("The prompt is too long: the model reads")


def test_a_negative_prompt_too_long_is_told_if_it_is_read(
    tiny: Mapping[Family, Path], order: Order
) -> None:
    family = Family.STABLE_DIFFUSION
    long = replace(order, negative_prompt="a" * 100)
    assert notes(tiny, family, long) == [
        "The negative prompt is too long: the model reads 77 tokens of its 102, and the end of it"
        " has no effect."
    ]
    assert notes(tiny, family, replace(long, guidance=1.0)) == []
