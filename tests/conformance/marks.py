"""Which tests say by a numbered mark what they show: read from their source, nothing is run."""

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, TypeGuard


class Mark(NamedTuple):
    """One number on one test."""

    number: int
    test: str  # path from the repository's root::name, as pytest takes it


def collect(root: Path, name: str) -> list[Mark]:
    """Every mark of that *name* below `root/tests`, by path and then by place in the file.

    Raises:
        ValueError: a mark stands where it is not read, or its numbers are not written out.
    """
    files = sorted((root / "tests").rglob("test_*.py"))
    return [
        mark
        for path in files
        for mark in _Reader(name, _name(root, path)).marks(path.read_text("utf-8"))
    ]


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


@dataclass(frozen=True)
class _Reader:
    """Reads the marks of one *name* in the file at *path*."""

    name: str
    path: str
    read: set[ast.expr] = field(default_factory=set[ast.expr])

    def marks(self, source: str) -> list[Mark]:
        tree = ast.parse(source)
        found = list(self._inside(tree, self.path, []))
        for node in ast.walk(tree):
            if self._is_mark(node) and node not in self.read:
                raise ValueError(
                    f"{self.path}:{node.lineno}: a mark that is not read. Put it, with its "
                    "numbers, on a test, on a class of tests, in pytestmark, or in a pytest.param "
                    "of a test's mark."
                )
        return found

    def _inside(
        self, holder: ast.Module | ast.ClassDef, path: str, above: list[ast.Call]
    ) -> Iterator[Mark]:
        """The marks of the tests in a module or class; *above* are those of what holds it."""
        shared = above + [
            call for node in holder.body if _for_all(node) for call in self._calls(node)
        ]
        self.read.update(call.func for call in shared)
        for node in holder.body:
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                continue
            own = [call for one in node.decorator_list for call in self._calls(one)]
            if isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
                self.read.update(call.func for call in own)
                yield from self._inside(node, f"{path}::{node.name}", shared + own)
            elif node.name.startswith("test_"):
                self.read.update(call.func for call in own)
                for call in shared + own:
                    yield from (Mark(one, f"{path}::{node.name}") for one in self._numbers(call))

    def _calls(self, node: ast.AST) -> list[ast.Call]:
        return [
            one for one in ast.walk(node) if isinstance(one, ast.Call) and self._is_mark(one.func)
        ]

    def _is_mark(self, node: ast.AST) -> TypeGuard[ast.Attribute]:
        """Whether this reads `….mark.` and the name."""
        return (
            isinstance(node, ast.Attribute)
            and node.attr == self.name
            and isinstance(node.value, ast.Attribute)
            and node.value.attr == "mark"
        )

    def _numbers(self, call: ast.Call) -> list[int]:
        written = [one.value for one in call.args if isinstance(one, ast.Constant)]
        numbers = [one for one in written if isinstance(one, int)]
        if not numbers or len(numbers) != len(call.args) or call.keywords:
            raise ValueError(f"{self.path}:{call.lineno}: write the numbers out")
        return numbers


def _for_all(node: ast.stmt) -> bool:
    """Whether this is `pytestmark = …`."""
    return isinstance(node, ast.Assign) and any(
        isinstance(target, ast.Name) and target.id == "pytestmark" for target in node.targets
    )
