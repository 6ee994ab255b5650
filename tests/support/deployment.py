"""The files by which darkroom is deployed, read for tests; and the programs that check them."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import yaml

ROOT = Path(__file__).parents[2]
DOCKERFILE = ROOT / "Dockerfile"
COMPOSE = ROOT / "compose.yaml"
KUBERNETES = ROOT / "deploy" / "kubernetes"
UNITS = sorted((ROOT / "deploy" / "systemd").iterdir())
CADDYFILE = ROOT / "deploy" / "caddy" / "Caddyfile"
FILES = [
    DOCKERFILE,
    ROOT / ".env.example",
    *sorted(ROOT.glob("compose*.yaml")),
    *sorted(path for path in (ROOT / "deploy").rglob("*") if path.is_file()),
]
LAST_SECONDS = 10
"""What a server may take beyond `drain_seconds` for last words, webhooks and streams."""


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction of a Dockerfile, of the stage named *stage*."""

    stage: str
    word: str
    rest: str


def instructions() -> Iterator[Instruction]:
    """The Dockerfile's instructions in their order, lines joined and comments left out."""
    text = re.sub(r"^\s*#.*\n", "", DOCKERFILE.read_text("utf-8"), flags=re.MULTILINE)
    stage = ""
    for line in text.replace("\\\n", " ").splitlines():
        word, _, rest = line.strip().partition(" ")
        if word == "FROM":
            stage = rest.split()[-1]
        if word:
            yield Instruction(stage, word, " ".join(rest.split()))


def words(instruction: str, stage: str) -> list[str]:
    """The exec form of *instruction* in *stage*; HEALTHCHECK's options are left out."""
    (found,) = [one for one in instructions() if (one.word, one.stage) == (instruction, stage)]
    return cast("list[str]", json.loads(found.rest[found.rest.index("[") :]))


def documents(path: Path) -> list[object]:
    """What a YAML file holds."""
    return list(yaml.safe_load_all(path.read_text("utf-8")))


def at(tree: object, *path: str | int) -> object:
    """What stands in *tree* at *path*; fails where nothing does."""
    for step in path:
        if isinstance(step, int):
            tree = cast("list[object]", tree)[step]
        else:
            tree = cast("Mapping[str, object]", tree)[step]
    return tree


def mapping(tree: object, *path: str | int) -> dict[str, object]:
    """The mapping that stands in *tree* at *path*."""
    found = at(tree, *path)
    assert isinstance(found, dict), found
    return cast("dict[str, object]", found)


def items(tree: object, *path: str | int) -> list[object]:
    """The list that stands in *tree* at *path*."""
    found = at(tree, *path)
    assert isinstance(found, list), found
    return cast("list[object]", found)


def program(name: str) -> Path:
    """A program that came with a package of the environment."""
    return Path(sys.executable).with_name(name)


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a checking program; what it says stands in `stdout`."""
    return subprocess.run(
        list(map(str, command)),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        cwd=ROOT,
    )
