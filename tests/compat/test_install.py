"""What is installed for the compat tests is pinned, and named without an address."""

import json
import re
from pathlib import Path
from typing import cast

import pytest
from tests.compat.install import CLIENTS, PINS

EXACT = re.compile(r"\d+(\.\d+)*(b\d+)?")


@pytest.mark.parametrize("pins", sorted(PINS.glob("*.txt")), ids=lambda pins: pins.stem)
def test_every_python_package_has_one_exact_version(pins: Path) -> None:
    lines = [line for line in pins.read_text("utf-8").splitlines() if line[0] != "#"]

    assert lines
    assert [line for line in lines if not EXACT.fullmatch(line.partition("==")[2])] == []


def test_every_javascript_package_has_one_exact_version_and_no_address() -> None:
    asked = cast("dict[str, dict[str, str]]", json.loads((PINS / "package.json").read_text()))
    locked = cast(
        "dict[str, dict[str, dict[str, str]]]", json.loads((PINS / "package-lock.json").read_text())
    )["packages"]

    assert all(EXACT.fullmatch(version) for version in asked["dependencies"].values())
    assert [name for name, one in locked.items() if name and "integrity" not in one] == []
    assert [name for name, one in locked.items() if "resolved" in one] == []


def test_all_pins_belong_to_a_client() -> None:
    assert {pin for client in CLIENTS for pin in client.pins} == {
        path.name for path in PINS.iterdir()
    }
