"""Lines have tqdm's shape, and whatever has it is read."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.domain.progress import Bar, line, parse, span

VENDORS = re.compile(r"^\s*(\d+)%\s*\|.+?\|\s*(\d+)\/(\d+)")
"""What the vendor's JavaScript client takes for progress."""


@pytest.mark.parametrize(
    ("done", "total", "seconds", "unit", "told"),
    [
        (12, 25, 3.1, "", " 48%|####8     | 12/25 [00:03<00:03,  3.87it/s]"),
        (1, 4, 8.0, "", " 25%|##5       | 1/4 [00:08<00:24,  8.00s/it]"),
        (500, 500, 3700.0, "", "100%|##########| 500/500 [1:01:40<00:00,  7.40s/it]"),
        (1, 500, 0.0, "", "  0%|          | 1/500 [00:00<?, ?it/s]"),
        (0, 500, 3.0, "", "  0%|          | 0/500 [00:03<?, ?it/s]"),
        (1550.9, 3440.2, 10.33, "MB", " 45%|####5     | 1550/3440 MB [00:10<00:12, 150.14MB/s]"),
        (0.2, 3440, 4, "MB", "  0%|          | 0/3440 MB [00:04<19:06:36,  0.05MB/s]"),
        (0, 0, 0, "MB", "100%|##########| 0/0 MB [00:00<?, ?MB/s]"),
    ],
)
def test_a_line_is_spelled_as_tqdm_does(
    done: float, total: float, seconds: float, unit: str, told: str
) -> None:
    assert line(done, total, seconds, unit=unit) == told


@given(
    st.integers(0, 10**6), st.integers(0, 10**6), st.floats(0, 10**6), st.sampled_from(["", "MB"])
)
def test_what_is_spelled_is_read_by_us_and_by_the_vendors_client(
    first: int, second: int, seconds: float, unit: str
) -> None:
    done, total = sorted((first, second))
    text = line(done, total, seconds, unit=unit)
    bar = parse(text)
    assert bar is not None
    assert (bar.done, bar.total) == (done, total)
    match = VENDORS.match(text)
    assert match is not None
    assert tuple(map(int, match.groups())) == (bar.percent, done, total)


@pytest.mark.parametrize(
    ("text", "bar"),
    [
        (" 48%|####8     | 12/25 [00:03<00:03,  3.9it/s]", Bar(48, 12, 25)),
        ("100%|██████████| 4/4", Bar(100, 4, 4)),
        ("half 50%|##| 1/2", None),
        ("50% of 1/2", None),
        ("50%|##| 1 of 2", None),
        ("50%||" * 1000, None),
        ("1" * 5000 + "%|#| 1/2", None),
        ("5%|#| 1/" + "2" * 5000, None),
        ("", None),
    ],
)
def test_lines_of_others_are_read_or_left_alone(text: str, bar: Bar | None) -> None:
    assert parse(text) == bar


def test_hours_are_told_where_there_are_any() -> None:
    assert [span(seconds) for seconds in (0, 59.9, 60, 3600, 360_000)] == [
        "00:00",
        "00:59",
        "01:00",
        "1:00:00",
        "100:00:00",
    ]
