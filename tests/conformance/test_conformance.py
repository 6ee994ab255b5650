"""The page of statements is what the marks say, and every statement is shown by a test."""

from pathlib import Path

import pytest
from tests.conformance.marks import Mark, by_number, collect
from tests.conformance.page import MARK, NONE_YET, PAGE, ROOT, expected, render
from tests.conformance.statements import numbers

PLACES = """
import pytest

pytestmark = pytest.mark.conformance(1)


@pytest.mark.slow
@pytest.mark.conformance(2, 3)
@pytest.mark.parametrize("x", [pytest.param(1, marks=pytest.mark.conformance(4)), 2])
async def test_alone(x): ...


@pytest.mark.conformance(5)
class TestThings:
    def test_inside(self): ...

    def helper(self): ...


def test_plain(): ...


def helper(): ...
"""


def written(root: Path, source: str) -> Path:
    folder = root / "tests" / "room"
    folder.mkdir(parents=True)
    (folder / "test_x.py").write_text(source, "utf-8")
    return root


def test_the_page_says_what_the_tests_are_marked_with() -> None:
    assert PAGE.read_text("utf-8") == expected(), "run `make conformance`"


def test_every_statement_has_a_test() -> None:
    assert sorted(numbers() - by_number(collect(ROOT, MARK)).keys()) == []


def test_no_mark_names_a_statement_that_is_not_there() -> None:
    assert [mark for mark in collect(ROOT, MARK) if mark.number not in numbers()] == []


def test_there_are_ninety_statements() -> None:
    assert numbers() == set(range(1, 91))


def test_marks_are_read_wherever_pytest_takes_them(tmp_path: Path) -> None:
    path = "tests/room/test_x.py"
    assert collect(written(tmp_path, PLACES), MARK) == [
        *(Mark(number, f"{path}::test_alone") for number in (1, 2, 3, 4)),
        *(Mark(number, f"{path}::TestThings::test_inside") for number in (1, 5)),
        Mark(1, f"{path}::test_plain"),
    ]


@pytest.mark.parametrize(
    "source",
    [
        "import pytest\n@pytest.mark.conformance(1)\ndef helper(): ...",
        "import pytest\n@pytest.mark.conformance\ndef test_x(): ...",
        "import pytest\nMARK = pytest.mark.conformance(1)",
        "import pytest\n@pytest.mark.conformance()\ndef test_x(): ...",
        "import pytest\n@pytest.mark.conformance('1')\ndef test_x(): ...",
        "import pytest\n@pytest.mark.conformance(*range(9))\ndef test_x(): ...",
    ],
)
def test_a_mark_that_would_go_unread_is_refused(tmp_path: Path, source: str) -> None:
    with pytest.raises(ValueError, match=r"test_x\.py"):
        collect(written(tmp_path, source), MARK)


def test_the_page_names_the_tests_of_each_statement_once() -> None:
    lines = render(by_number([Mark(7, "a::b"), Mark(7, "a::c"), Mark(7, "a::b")])).splitlines()

    assert "1 of 90 statements have a test." in lines
    assert [line for line in lines if line.endswith("| `a::b`<br>`a::c` |")] == [
        line for line in lines if line.startswith("| 7 |")
    ]
    assert sum(NONE_YET in line for line in lines) == 89
