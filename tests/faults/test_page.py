"""The page of faults is what the marks say, and every fault is tried by a test."""

from collections.abc import Sequence

import pytest
from tests.conformance.marks import Mark, by_number, collect
from tests.faults.page import MARK, NONE_YET, PAGE, ROOT, render
from tests.faults.table import AWAITED, FAULTS


@pytest.fixture(scope="module")
def marks() -> Sequence[Mark]:
    """Those of this repository; reading every test takes a moment."""
    return collect(ROOT, MARK)


def test_the_page_says_what_the_tests_are_marked_with(marks: Sequence[Mark]) -> None:
    assert PAGE.read_text("utf-8") == render(by_number(marks)), "run `make conformance`"


def test_every_fault_has_a_test(marks: Sequence[Mark]) -> None:
    assert FAULTS.keys() - by_number(marks).keys() == AWAITED


def test_no_mark_names_a_fault_that_is_not_there(marks: Sequence[Mark]) -> None:
    assert [mark for mark in marks if mark.number not in FAULTS] == []


def test_there_are_twenty_five_faults() -> None:
    assert list(FAULTS) == list(range(1, 26))


def test_the_page_names_the_tests_of_each_fault() -> None:
    lines = render(by_number([Mark(7, "a::b"), Mark(7, "a::c")])).splitlines()

    (shown,) = [line for line in lines if line.startswith("| 7 |")]
    assert shown.endswith("| `a::b`<br>`a::c` |")
    assert sum(line.endswith(f"| {NONE_YET} |") for line in lines) == 24
