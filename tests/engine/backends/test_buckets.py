"""Rows are padded and split to the numbers a call is made for, and none is lost or mixed up."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from darkroom.engine.backends.buckets import Bucketed, sizes


@pytest.mark.parametrize(
    ("rows", "batches", "told"),
    [
        (1, (1, 2, 4, 8), [1]),
        (3, (1, 2, 4, 8), [4]),
        (5, (1, 2, 4, 8), [4, 1]),
        (6, (1, 2, 4, 8), [8]),
        (19, (1, 2, 4, 8), [8, 8, 4]),
        (1, (4,), [4]),
        (9, (4,), [4, 4, 4]),
    ],
)
def test_a_batch_is_padded_when_little_of_it_is_empty_and_split_above_the_largest(
    rows: int, batches: tuple[int, ...], told: list[int]
) -> None:
    assert list(sizes(rows, batches)) == told


@given(st.integers(1, 40), st.sets(st.integers(1, 16), min_size=1))
def test_every_row_comes_back_in_its_place(rows: int, batches: set[int]) -> None:
    seen: list[int] = []

    def call(first: Tensor, second: Tensor) -> Tensor:
        seen.append(len(first))
        assert len(first) == len(second)
        return first * 2 + second

    part = Bucketed(call, sorted(batches))
    numbers = torch.arange(rows)
    assert torch.equal(part(numbers, numbers), numbers * 3)
    assert set(seen) <= batches
    assert sum(seen) >= rows
