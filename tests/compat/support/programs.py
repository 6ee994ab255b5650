"""Runs a client program and keeps what it told."""

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeAlias, cast

import msgspec
from tests.compat.install import JAVASCRIPT, NODE, PROGRAMS
from tests.support.processes import Server

PATIENCE_SECONDS = 90
Facts: TypeAlias = Mapping[str, object]


class Listed(msgspec.Struct):
    """A prediction in a list, as far as a test looks."""

    id: str
    input: dict[str, object]


class Page(msgspec.Struct):
    """A page of predictions."""

    next: str | None
    results: list[Listed]


@dataclass(frozen=True)
class Surroundings:
    """What a program is told: addresses without `/v1`, a key, and a picture's path."""

    url: str
    key: str
    receiver: str
    proxy: str
    picture: Path


@dataclass(frozen=True)
class Told:
    """The facts of each step that a program took."""

    steps: Mapping[str, Facts]
    complaint: str

    def __call__(self, step: str) -> Facts:
        """What the program told of *step*; fails the test with what it raised, if it did."""
        facts = self.steps.get(step)
        assert facts is not None, f"{step} was not reached: {self.complaint}"
        assert "raised" not in facts, facts["raised"]
        return facts


@dataclass(frozen=True)
class Meeting:
    """A client's program has run against a server: what it told, what the proxy and server saw."""

    told: Told
    requests: Mapping[str, int]
    server: Server

    def predictions(self, prompt: str) -> list[str]:
        """Ids of all predictions with exactly this prompt."""
        found: list[str] = []
        page: str | None = "/v1/predictions"
        while page is not None:
            answer = msgspec.json.decode(self.server.client.get(page).content, type=Page)
            found += [one.id for one in answer.results if one.input.get("prompt") == prompt]
            page = answer.next
        return found


class Meet(Protocol):
    """Runs a client's program; what is named goes into its environment."""

    def __call__(self, command: Sequence[str | Path], **environment: str) -> Meeting: ...


def run(command: Sequence[str | Path], surroundings: Surroundings, **environment: str) -> Told:
    """Run *command* with *surroundings* as its last words; nothing is in its environment but that.

    A proxy of this machine, a key of somebody's or a setting of a client has no part in it.
    """
    words = (surroundings.url, surroundings.key, surroundings.receiver, surroundings.proxy)
    done = subprocess.run(
        [*command, *words, surroundings.picture],
        env={"PATH": os.environ["PATH"], "TMPDIR": str(surroundings.picture.parent), **environment},
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    lines = [cast("dict[str, object]", json.loads(line)) for line in done.stdout.splitlines()]
    return Told({str(facts.pop("step")): facts for facts in lines}, done.stderr)


def python(interpreter: str | Path, program: str) -> Sequence[str | Path]:
    return [interpreter, PROGRAMS / program]


def node(program: str) -> Sequence[str | Path]:
    """The program as if it lay beside the installed packages, so that plain imports find them."""
    seen = JAVASCRIPT.folder / PROGRAMS.name / program
    return [NODE, "--preserve-symlinks", "--preserve-symlinks-main", seen]
