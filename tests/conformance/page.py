"""docs/conformance.md, made from the statements and the marks of the tests."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tests.conformance.marks import by_number, collect
from tests.conformance.statements import GROUPS

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "conformance.md"
NONE_YET = "no test yet"
MARK = "conformance"
_HEAD = """\
# Conformance

What clients of Replicate's API rely on, and the tests that show it. `make conformance` writes this
page from `@pytest.mark.conformance(number)` on tests; a test fails if page and marks differ.

{shown} of {all} statements have a test.
"""


def render(tests: Mapping[int, Sequence[str]]) -> str:
    """The whole page, for the tests of each number."""
    every = [number for statements in GROUPS.values() for number in statements]
    shown = sum(bool(tests.get(number)) for number in every)
    parts = [_HEAD.format(shown=shown, all=len(every))]
    parts += ["\n".join(_group(name, GROUPS[name], tests)) for name in GROUPS]
    return "\n".join(parts)


def expected() -> str:
    """The page as the tests of this repository ask for it."""
    return render(by_number(collect(ROOT, MARK)))


def _group(
    name: str, statements: Mapping[int, str], tests: Mapping[int, Sequence[str]]
) -> Iterator[str]:
    yield f"## {name}\n"
    yield "| | statement | tests |"
    yield "| ---: | --- | --- |"
    for number, statement in statements.items():
        shown = "<br>".join(f"`{test}`" for test in tests.get(number, ())) or NONE_YET
        yield f"| {number} | {statement} | {shown} |"
    yield ""
