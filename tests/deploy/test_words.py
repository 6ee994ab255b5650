"""Every setting and command that a file of the deployment names is there."""

import re
from pathlib import Path

import pytest
from tests.support.deployment import FILES, ROOT

from darkroom.cli.app import app
from darkroom.settings import unknown_variables

PAGES = [ROOT / "docs" / "deploying.md", *sorted((ROOT / "docs" / "deploying").glob("*.md"))]
TOLD = [*FILES, *PAGES]
VARIABLE = re.compile(r"\bDARKROOM_[A-Z0-9_]+")
COMMAND = re.compile(r"(?:bin/|server-1 |-- |^)darkroom ((?:[a-z]+ ?)+)", re.MULTILINE)


@pytest.mark.parametrize("path", TOLD, ids=lambda path: str(path.relative_to(ROOT)))
def test_each_variable_is_one_that_is_read(path: Path) -> None:
    named = VARIABLE.findall(path.read_text("utf-8"))

    assert unknown_variables(dict.fromkeys(named, "")) == []


def test_a_variable_that_nothing_reads_would_be_told() -> None:
    assert unknown_variables({"DARKROOM_PROT": ""}) == ["DARKROOM_PROT"]


def test_each_command_is_there() -> None:
    there = {str(one.name) for one in app.registered_commands} | {
        f"{group.name} {one.name}"
        for group in app.registered_groups
        for one in (group.typer_instance.registered_commands if group.typer_instance else ())
    }
    called = {found.strip() for path in TOLD for found in COMMAND.findall(path.read_text("utf-8"))}

    assert {"serve", "worker", "db backup", "keys create"} <= called
    assert {one for one in called if one not in there} == set()
