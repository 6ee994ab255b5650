"""docs/faults.md, made from the table of faults and the marks of the tests."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tests.conformance.marks import by_number, collect
from tests.faults.table import FAULTS

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "faults.md"
MARK = "fault"
NONE_YET = "no test yet"
_HEAD = """\
# Faults

What may break, what must come of it, and the tests that break it. `make conformance` writes this
page from `@pytest.mark.fault(number)` on tests; a test fails if page and marks differ. What follows
for you stands in [guarantees.md](guarantees.md).

| | fault | then | tests |
| ---: | --- | --- | --- |
"""


def render(tests: Mapping[int, Sequence[str]]) -> str:
    """The whole page, for the tests of each number."""
    return _HEAD + "\n".join(_rows(tests)) + "\n"


def expected() -> str:
    """The page as the tests of this repository ask for it."""
    return render(by_number(collect(ROOT, MARK)))


def _rows(tests: Mapping[int, Sequence[str]]) -> Iterator[str]:
    for number, fault in FAULTS.items():
        shown = "<br>".join(f"`{test}`" for test in tests.get(number, ())) or NONE_YET
        yield f"| {number} | {fault.what} | {fault.then} | {shown} |"
