"""What no linter states: sizes, documented names, and what each process may load."""

import ast
import inspect
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import cast

import pytest
import yaml

from darkroom.cli.app import app
from darkroom.cli.outcome import Exit
from darkroom.domain import errors
from darkroom.settings import Settings

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
SOURCES = sorted(
    path for part in ("src", "tests", "bench", "demo") for path in (ROOT / part).rglob("*.py")
)
DOCUMENTS = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])
LONGEST_FILE = 400
LONGEST_FUNCTION = 60
HEAVY = {"torch", "numpy", "PIL", "diffusers", "transformers"}
HELP = """import contextlib, io
from darkroom.cli.app import app
with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
    app(["--help"])"""
TEST = re.compile(r"`(tests/[a-z0-9_/]+\.py)::(test_[a-z0-9_]+)`")
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")


def test_no_file_has_outgrown_the_house() -> None:
    lengths = {path: len(path.read_text("utf-8").splitlines()) for path in SOURCES}
    assert {str(path): n for path, n in lengths.items() if n > LONGEST_FILE} == {}


def test_no_function_has_outgrown_the_house() -> None:
    long = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or node.lineno) - node.lineno >= LONGEST_FUNCTION
    ]
    assert long == []


def test_every_setting_is_documented() -> None:
    page = (DOCS / "configuration.md").read_text("utf-8")
    assert [name for name in Settings.model_fields if f"| `{name}` |" not in page] == []


def test_every_documented_setting_exists() -> None:
    page = (DOCS / "configuration.md").read_text("utf-8")
    named = re.findall(r"^\| `([a-z_]+)` \|", page, re.MULTILINE)
    assert [name for name in named if name not in Settings.model_fields] == []


def test_every_setting_stands_in_the_example() -> None:
    example = (ROOT / "darkroom.example.yaml").read_text("utf-8")
    named = set(re.findall(r"^(?:# )?([a-z_]+):", example, re.MULTILINE))
    assert named == set(Settings.model_fields)


def test_every_default_in_the_example_is_true() -> None:
    example = (ROOT / "darkroom.example.yaml").read_text("utf-8")
    told = cast("Mapping[str, object]", yaml.safe_load(example))
    assert told
    wrong = [name for name, value in told.items()
             if Settings.model_fields[name].default not in (value, Path(str(value)))]  # fmt: skip
    assert wrong == []


def test_every_error_is_documented() -> None:
    page = (DOCS / "errors.md").read_text("utf-8")
    classes = [name for name, _ in inspect.getmembers(errors, inspect.isclass)]
    own = [name for name in classes if getattr(errors, name).__module__ == errors.__name__]
    assert own
    assert [name for name in own if f"`{name}`" not in page] == []


def test_every_documented_error_exists() -> None:
    page = (DOCS / "errors.md").read_text("utf-8")
    named = re.findall(r"^\| `([A-Za-z]+)` \|", page, re.MULTILINE)
    code = _code(ROOT / "src")
    assert [name for name in named if f"class {name}(" not in code] == []


def test_every_error_has_a_use() -> None:
    code = _code(ROOT / "src", but=Path(str(errors.__file__)))
    named = [name for name, _ in inspect.getmembers(errors, inspect.isclass)]
    assert [name for name in named if not re.search(rf"\b{name}\b", code)] == []


def test_the_package_tells_that_it_is_typed() -> None:
    assert (ROOT / "src" / "darkroom" / "py.typed").is_file()


def test_every_command_is_documented() -> None:
    page = (DOCS / "cli.md").read_text("utf-8")
    commands = list(_commands())
    assert "keys create" in commands
    assert [name for name in commands if f"`darkroom {name}" not in page] == []


def test_every_exit_code_is_documented() -> None:
    page = (DOCS / "cli.md").read_text("utf-8")
    assert [code for code in Exit if f"| {int(code)} |" not in page] == []


def test_every_kind_of_runner_is_documented() -> None:
    page = (DOCS / "models.md").read_text("utf-8")
    kinds = [point.name for point in entry_points(group="darkroom.runners")]
    assert kinds
    assert [kind for kind in kinds if f"`{kind}`" not in page] == []


def test_every_link_between_documents_leads_somewhere() -> None:
    broken = [
        f"{document.relative_to(ROOT)}: {link}"
        for document in DOCUMENTS
        for link in LINK.findall(document.read_text("utf-8"))
        if "://" not in link and not (document.parent / link).exists()
    ]
    assert broken == []


def test_every_decision_has_a_number_of_its_own() -> None:
    records = sorted((DOCS / "decisions").glob("*.md"))
    told = [int(one.read_text("utf-8").removeprefix("# ").partition(".")[0]) for one in records]
    assert told == [int(one.name[:4]) for one in records] == list(range(1, len(records) + 1))


def test_no_word_is_told_twice() -> None:
    page = (DOCS / "glossary.md").read_text("utf-8")
    words = [word for words in re.findall(r"^\| \*\*(.+?)\*\*", page, re.MULTILINE)
             for word in words.split(", ")]  # fmt: skip
    assert words
    assert sorted(words) == sorted(set(words))


def test_every_promise_names_tests_and_every_one_of_them_exists() -> None:
    promises = [line for line in (DOCS / "guarantees.md").read_text("utf-8").splitlines()
                if line.startswith("| **")]  # fmt: skip
    named = [TEST.findall(line) for line in promises]
    assert promises
    assert [line[:60] for line, tests in zip(promises, named, strict=True) if not tests] == []
    missing = [f"{path}::{name}" for tests in named for path, name in tests
               if f"def {name}(" not in (ROOT / path).read_text("utf-8")]  # fmt: skip
    assert missing == []


def test_the_host_loads_nothing_of_the_server() -> None:
    rooms = {"http", "store", "service", "worker", "egress", "compose", "cli", "settings"}
    loaded = _loaded("import darkroom.runners.host")
    assert "darkroom.runners.host" in loaded
    assert {name for name in loaded if name.startswith("darkroom.")} & {
        f"darkroom.{room}" for room in rooms
    } == set()
    assert loaded & {"starlette", "uvicorn", "httpx2", "httpx", "sqlite3"} == set()


@pytest.mark.parametrize(
    "code",
    [
        "import darkroom.cli.app",
        "import darkroom.compose.server",
        "import darkroom.compose.worker",
        "import darkroom.compose.checkup",
        "import darkroom.runners.host",
    ],
)
def test_nothing_heavy_is_loaded_before_a_model_is(code: str) -> None:
    loaded = _loaded(code)
    assert code.removeprefix("import ") in loaded
    assert loaded & HEAVY == set()


@pytest.mark.parametrize("module", ["server", "worker", "placer"])
def test_ray_is_loaded_by_the_driver_of_a_placer_alone(module: str) -> None:
    loaded = _loaded(f"import darkroom.compose.{module}")
    assert f"darkroom.compose.{module}" in loaded
    assert "ray" not in loaded


def test_help_loads_neither_the_server_nor_its_settings() -> None:
    loaded = _loaded(HELP)
    assert loaded & HEAVY == set()
    assert loaded & {"starlette", "uvicorn", "pydantic", "sqlite3", "darkroom.settings"} == set()


def test_importing_darkroom_does_nothing() -> None:
    assert {name for name in _loaded("import darkroom") if name.startswith("darkroom")} == {
        "darkroom"
    }


def test_no_page_or_message_installs_darkroom_by_its_name() -> None:
    told = [*DOCUMENTS, *(ROOT / "src").rglob("*.py")]
    by_name = [str(one) for one in told if "darkroom[" in one.read_text("utf-8")]
    assert by_name == []  # pip would fetch another project's


def test_torchvision_is_never_installed() -> None:
    assert find_spec("torchvision") is None


def _code(folder: Path, *, but: Path | None = None) -> str:
    return "".join(path.read_text("utf-8") for path in folder.rglob("*.py") if path != but)


def _loaded(code: str) -> set[str]:
    told = subprocess.run(  # our own interpreter and words
        [sys.executable, "-c", f"import sys\n{code}\nprint(*sys.modules)"],
        capture_output=True,
        check=True,
        text=True,
    )
    return set(told.stdout.split())


def _commands() -> Iterator[str]:
    for command in app.registered_commands:
        yield str(command.name)
    for group in app.registered_groups:
        for command in group.typer_instance.registered_commands if group.typer_instance else ():
            yield f"{group.name} {command.name}"
