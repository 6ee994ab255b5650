"""Somebody who types what the documents say, in the folder of a clone."""

import re
import subprocess
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from demo.demo import pictures
from tests.support.processes import Server

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```(sh|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
HOSTED = re.compile(r"https://(?:replicate\.delivery|example\.com)/[^\"]+/([^/\"]+)")
OURS = {
    "sketch-mountains-input.jpeg": "mountains.jpg",
    "sketch.png": "mountains.jpg",
    "0_1-1.webp": "woman.webp",
    "test.jpg": "house.jpg",
}
README = "README.md"


@dataclass(frozen=True)
class Person:
    """Types blocks of the documents; pictures that are hosted elsewhere are ours."""

    folder: Path
    environment: Mapping[str, str]
    address: str
    offered: str

    def types(self, words: str, *, page: str = README, before: str = "", then: str = "") -> str:
        """Type the one block of *page* that contains *words*; returns what is printed.

        Args:
            words: of the block.
            page: the document, relative to the repository.
            before: what was typed first, in the same language.
            then: what is typed after it.
        """
        (found,) = [(language, block) for language, block in blocks(page) if words in block]
        block = before + HOSTED.sub(self._ours, found[1]) + then
        block = block.replace("http://127.0.0.1:8000", self.address)
        program = {"sh": ("bash", "-e", "-c"), "python": (sys.executable, "-c")}[found[0]]
        done = subprocess.run(
            [*program, block],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def _ours(self, url: re.Match[str]) -> str:
        return f"{self.offered}/{OURS[url[1]]}"


def blocks(page: str) -> list[tuple[str, str]]:
    """Language and text of every block of *page* that could be typed."""
    return cast("list[tuple[str, str]]", BLOCK.findall((ROOT / page).read_text("utf-8")))


@contextmanager
def newcomer(folder: Path, **settings: str) -> Generator[Person]:
    """Somebody who has made a key as the README says, beside a server with tiny weights.

    Their folder has the demo and the environment of a clone.
    """
    (folder / "demo").symlink_to(ROOT / "demo")
    (folder / ".venv").symlink_to(sys.prefix)
    with (
        pictures() as offered,
        Server(folder, egress_allow=offered.removeprefix("http://"), **settings) as server,
    ):
        without_key = Person(folder, server.environment, server.url, offered)
        names = ("PATH", "DARKROOM_TOKEN", "REPLICATE_BASE_URL", "REPLICATE_API_TOKEN")
        told = without_key.types("keys create", then=f"printenv {' '.join(names)}")
        exported = dict(zip(names, told.splitlines(), strict=True))
        yield Person(folder, {**server.environment, **exported}, server.url, offered)
