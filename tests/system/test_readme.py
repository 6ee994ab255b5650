"""What the README tells a person to type works, against a server with tiny weights."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from shutil import which
from typing import cast

import pytest
from demo.demo import suggestion
from tests.support.person import README, ROOT, Person, blocks, newcomer

PNG = b"\x89PNG"
IMPORT = "import replicate"


@pytest.fixture(scope="module")
def person(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Person]:
    with newcomer(tmp_path_factory.mktemp("clone")) as one:
        yield one


@pytest.mark.skipif(which("curl") is None, reason="curl is not installed")
def test_both_requests_are_served(person: Person) -> None:
    told = person.types("curl -sS")
    first, end = cast("tuple[dict[str, object], int]", json.JSONDecoder().raw_decode(told))
    second = told[end:]

    assert first["status"] in {"starting", "processing"}, first
    assert set(cast("dict[str, str]", first["urls"])) == {"get", "cancel", "stream", "web"}
    assert '"status": "succeeded"' in second
    assert '"output": "data:image/png;base64,' in second
    assert max(map(len, second.splitlines())) == 120  # a picture does not fill the terminal


def test_the_vendors_client_saves_a_picture(person: Person) -> None:
    person.types(IMPORT)

    assert (person.folder / "build" / "landscape.png").read_bytes().startswith(PNG)


def test_it_saves_one_also_where_the_answer_has_plain_addresses(tmp_path: Path) -> None:
    with newcomer(tmp_path, inline_outputs="off") as person:
        told = person.types(IMPORT, then="print(type(picture).__name__)")

    assert told == "str\n"
    assert (tmp_path / "build" / "landscape.png").read_bytes().startswith(PNG)


def test_the_command_line_saves_pictures(person: Person) -> None:
    echoed, made = person.types("darkroom run").split()

    assert (person.folder / echoed).read_bytes() == (ROOT / "demo" / "mountains.jpg").read_bytes()
    assert Path(made).parent == Path("build/pictures")
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
    tested = ("keys create", "curl -sS", IMPORT, "darkroom run")
    others = ("make demo", "darkroom serve")

    assert [
        block for _, block in blocks(README) if not any(word in block for word in tested + others)
    ] == []


def test_every_page_is_linked_from_the_readme() -> None:
    readme = (ROOT / README).read_text("utf-8").partition("## Read on")[2]
    pages = sorted(path.name for path in (ROOT / "docs").glob("*.md"))

    assert [name for name in pages if f"(docs/{name})" not in readme] == []
