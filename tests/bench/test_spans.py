"""The share of a time that was spent computing."""

import pytest
from bench.engine.spans import share, union


def test_spans_that_touch_become_one() -> None:
    assert union([(4.0, 5.0), (0.0, 1.0), (1.0, 2.0), (0.5, 0.7)]) == [(0.0, 2.0), (4.0, 5.0)]


def test_the_share_counts_no_instant_twice_and_none_outside() -> None:
    computing = [(0.0, 3.0), (2.0, 4.0), (9.0, 20.0)]
    assert share(computing, [(0.0, 8.0), (1.0, 10.0)]) == pytest.approx(0.5)


def test_of_no_time_the_share_is_nothing() -> None:
    assert share([(0.0, 1.0)], []) == 0.0
    assert share([], [(0.0, 1.0)]) == 0.0
