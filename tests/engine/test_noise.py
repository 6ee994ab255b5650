import torch
from torch import Generator, Tensor

from darkroom.engine.noise import apart, generator_of, row_generators

SHAPE = (1, 4, 8, 8)


def _draw(generator: Generator) -> Tensor:
    return torch.randn(SHAPE, generator=generator)


def test_rows_draw_in_order_what_one_generator_would() -> None:
    rows = row_generators(generator_of(9), SHAPE, 3)
    one = generator_of(9)
    assert all(torch.equal(_draw(row), _draw(one)) for row in rows)


def test_parted_rows_repeat_nothing_and_the_first_goes_on_as_alone() -> None:
    rows, alone = row_generators(generator_of(9), SHAPE, 3), generator_of(9)
    first = [_draw(row) for row in rows]
    _draw(alone)
    parted = apart(rows)
    assert torch.equal(_draw(parted[0]), _draw(alone))
    later = [_draw(row) for row in parted[1:] for _ in range(3)]
    assert not any(torch.equal(one, other) for one in later for other in first)


def test_a_seed_of_any_size_and_sign_is_taken() -> None:
    drawn = {float(_draw(generator_of(seed)).sum()) for seed in (0, -1, 2**70 + 5)}
    assert len(drawn) == 3


def test_only_the_lowest_32_bits_of_a_seed_count() -> None:
    assert torch.equal(_draw(generator_of(2**32 + 9)), _draw(generator_of(9)))
    assert not torch.equal(_draw(generator_of(2**31 + 9)), _draw(generator_of(9)))


def test_lower_precision_draws_the_same_noise() -> None:
    full = torch.randn(SHAPE, generator=generator_of(4))
    half = torch.randn(SHAPE, generator=generator_of(4), dtype=torch.bfloat16)
    assert torch.equal(full.bfloat16(), half)
