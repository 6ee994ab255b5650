"""Spans as people write them."""

import pytest

from darkroom.domain import durations


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [("90s", 90_000), ("15m", 900_000), ("12h", 43_200_000), ("30d", 2_592_000_000)],
)
def test_a_span_has_a_number_and_a_unit(text: str, milliseconds: int) -> None:
    assert durations.milliseconds(text) == milliseconds


@pytest.mark.parametrize("text", ["", "0", "0s", "1", "1.5h", "-1h", "1h30m", "1 h", "1H", "1h\n"])
def test_whatever_else_is_no_span(text: str) -> None:
    assert durations.milliseconds(text) is None
