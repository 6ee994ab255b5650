"""Which tests say that they show a statement: read from their source, nothing is run."""

import ast
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple, TypeGuard

NAME = "conformance"


class Mark(NamedTuple):
    """One number on one test."""

    number: int
    test: str  # path from the repository's root::name, as pytest takes it


def collect(root: Path) -> list[Mark]:
    """Every mark of every test file below `root/tests`, by path and then by place in the file.

    Raises:
        ValueError: a mark stands where it is not read, or its numbers are not written out.
    """
    files = sorted((root / "tests").rglob("test_*.py"))
    return [mark for path in files for mark in _marks(path.read_text("utf-8"), _name(root, path))]


def by_number(marks: Iterable[Mark]) -> Mapping[int, list[str]]:
    """The tests of each number, each once."""
    found: dict[int, list[str]] = {}
    for number, test in marks:
        tests = found.setdefault(number, [])
        if test not in tests:
            tests.append(test)
    return found


def _name(root: Path, path: Path) -> str:
    return path.relative_to(root).as_posix()


def _marks(source: str, path: str) -> list[Mark]:
    tree = ast.parse(source)
    read: set[ast.expr] = set()
    found = list(_inside(tree, path, [], read))
    for node in ast.walk(tree):
        if _is_mark(node) and node not in read:
            raise ValueError(
                f"{path}:{node.lineno}: a mark that is not read. Put it, with its numbers, on a "
                "test, on a class of tests, in pytestmark, or in a pytest.param of a test's mark."
            )
    return found


def _inside(
    holder: ast.Module | ast.ClassDef, path: str, above: list[ast.Call], read: set[ast.expr]
) -> Iterator[Mark]:
    """The marks of the tests in a module or class; *above* are those of what holds it."""
    shared = above + [call for node in holder.body if _for_all(node) for call in _calls(node)]
    read.update(call.func for call in shared)
    for node in holder.body:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        own = [call for one in node.decorator_list for call in _calls(one)]
        if isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
            read.update(call.func for call in own)
            yield from _inside(node, f"{path}::{node.name}", shared + own, read)
        elif node.name.startswith("test_"):
            read.update(call.func for call in own)
            for call in shared + own:
                yield from (Mark(one, f"{path}::{node.name}") for one in _numbers(call, path))


def _for_all(node: ast.stmt) -> bool:
    """Whether this is `pytestmark = …`."""
    return isinstance(node, ast.Assign) and any(
        isinstance(target, ast.Name) and target.id == "pytestmark" for target in node.targets
    )


def _calls(node: ast.AST) -> list[ast.Call]:
    return [one for one in ast.walk(node) if isinstance(one, ast.Call) and _is_mark(one.func)]


def _is_mark(node: ast.AST) -> TypeGuard[ast.Attribute]:
    """Whether this reads `….mark.conformance`."""
    return (
        isinstance(node, ast.Attribute)
        and node.attr == NAME
        and isinstance(node.value, ast.Attribute)
        and node.value.attr == "mark"
    )


def _numbers(call: ast.Call, path: str) -> list[int]:
    written = [one.value for one in call.args if isinstance(one, ast.Constant)]
    numbers = [one for one in written if isinstance(one, int)]
    if not numbers or len(numbers) != len(call.args) or call.keywords:
        raise ValueError(f"{path}:{call.lineno}: write the numbers of the statements out")
    return numbers
