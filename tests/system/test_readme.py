"""What the README tells a person to type works, against a server with tiny weights."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from shutil import which
from typing import cast

import pytest
from demo.demo import pictures, suggestion
from tests.support.processes import Server

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```(sh|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BLOCKS = cast("list[tuple[str, str]]", BLOCK.findall((ROOT / "README.md").read_text("utf-8")))
HOSTED = re.compile(r"https://replicate\.delivery/[^\"]+/([^/\"]+)")
OURS = {
    "sketch-mountains-input.jpeg": "mountains.jpg",
    "0_1-1.webp": "woman.webp",
    "test.jpg": "house.jpg",
}
PNG = b"\x89PNG"


@dataclass(frozen=True)
class Person:
    """Types blocks of the README in the folder of a clone; the hosted pictures are ours."""

    folder: Path
    environment: Mapping[str, str]
    address: str
    offered: str

    def types(self, words: str, *, then: str = "") -> str:
        """Type the one block that contains *words*; returns what is printed."""
        (found,) = [(language, block) for language, block in BLOCKS if words in block]
        block = HOSTED.sub(lambda url: f"{self.offered}/{OURS[url[1]]}", found[1])
        block = block.replace("http://127.0.0.1:8000", self.address) + then
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


@pytest.fixture(scope="module")
def person(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Person]:
    """Somebody with a key, whose folder has the clone's demo and environment."""
    folder = tmp_path_factory.mktemp("clone")
    (folder / "demo").symlink_to(ROOT / "demo")
    (folder / ".venv").symlink_to(sys.prefix)
    with (
        pictures() as offered,
        Server(folder, egress_allow=offered.removeprefix("http://")) as server,
    ):
        newcomer = Person(folder, server.environment, server.url, offered)
        told = newcomer.types("keys create", then="printenv PATH DARKROOM_TOKEN")
        path, token = told.splitlines()
        environment = {**server.environment, "PATH": path, "DARKROOM_TOKEN": token}
        yield Person(folder, environment, server.url, offered)


@pytest.mark.skipif(which("curl") is None, reason="curl is not installed")
def test_both_requests_are_served(person: Person) -> None:
    told = person.types("curl -sS")
    decoder = json.JSONDecoder()
    first, end = cast("tuple[dict[str, object], int]", decoder.raw_decode(told))
    second = cast("dict[str, object]", json.loads(told[end:]))

    assert first["status"] in {"starting", "processing"}, first
    assert set(cast("dict[str, str]", first["urls"])) == {"get", "cancel", "stream", "web"}
    assert second["status"] == "succeeded", second
    assert str(second["output"]).startswith("data:image/png;base64,")


def test_the_vendors_client_saves_a_picture(person: Person) -> None:
    person.types("import replicate")

    assert (person.folder / "landscape.png").read_bytes().startswith(PNG)


def test_the_command_line_saves_pictures(person: Person) -> None:
    echoed, made = person.types("darkroom run").split()

    assert (person.folder / echoed).read_bytes() == (ROOT / "demo" / "mountains.jpg").read_bytes()
    assert Path(made).parent == Path("pictures")
    assert (person.folder / made).read_bytes().startswith(PNG)


def test_what_the_demo_suggests_works_in_another_terminal(person: Person, tmp_path: Path) -> None:
    line = suggestion(person.address, person.environment["DARKROOM_TOKEN"])
    done = subprocess.run(
        ["/bin/sh", "-c", line],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "darkroom/echo" in done.stdout, done.stderr


def test_every_example_is_typed_by_a_test() -> None:
    """Blocks that install or serve are typed by CI and by the other system tests."""
    tested = ("keys create", "curl -sS", "import replicate", "darkroom run")
    others = ("make demo", "darkroom serve")

    assert [
        block for _, block in BLOCKS if not any(word in block for word in tested + others)
    ] == []
