"""Uploads and retention of a real server: its memory, the vendor's client, what a disk holds."""

import io
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from tests.support.pictures import data_url, png
from tests.support.processes import DEADLINE_SECONDS, KEY, Server

MEGABYTE = 2**20
MOST_ABOVE_IDLE = 30 * MEGABYTE
CANARY = b"a-canary-that-nobody-else-has"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("files")) as running:
        yield running


def memory(server: Server, line: str) -> int:
    """Bytes of the server's memory: `VmRSS` now, `VmHWM` at most so far."""
    status = Path(f"/proc/{server.pid}/status").read_text()
    return next(int(one.split()[1]) * 1024 for one in status.splitlines() if one.startswith(line))


def test_a_large_upload_passes_through_without_being_held(server: Server) -> None:
    server.client.post("/v1/files", files={"content": ("a", b"first")}).raise_for_status()
    idle = memory(server, "VmRSS")
    data = io.BytesIO(secrets.token_bytes(MEGABYTE) * 90)
    answer = server.client.post("/v1/files", files={"content": ("large", data)})

    assert answer.status_code == 201, answer.text
    assert answer.json()["size"] == 90 * MEGABYTE
    assert memory(server, "VmHWM") - idle < MOST_ABOVE_IDLE


VENDORS_CLIENT = """
import sys
import replicate

client = replicate.Client(base_url=sys.argv[1], api_token=sys.argv[2])
with open(sys.argv[3], "rb") as picture:
    kept = client.files.create(picture, filename="a.png", metadata={"album": "summer"})
assert (kept.name, kept.content_type, kept.metadata) == ("a.png", "image/png", {"album": "summer"})
assert client.files.get(kept.id) == kept
assert kept in client.files.list()
with open(sys.argv[3], "rb") as picture:
    output = client.run("darkroom/echo", input={"image": picture}, wait=30)
with open(sys.argv[3], "rb") as picture:
    assert output.read() == picture.read()
client.files.delete(kept.id)
assert kept not in client.files.list()
"""


def test_the_vendors_client_uploads_what_is_opened(server: Server, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png())
    program = [sys.executable, "-c", VENDORS_CLIENT, server.url, KEY, str(tmp_path / "a.png")]
    done = subprocess.run(program, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def holding(folder: Path, needle: bytes) -> list[str]:
    """Files under *folder* that hold *needle*; the server may remove them meanwhile."""
    found: list[str] = []
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):
            if path.is_file() and needle in path.read_bytes():
                found.append(str(path.relative_to(folder)))
    return found


def until(reached: Callable[[], bool]) -> None:
    """Ask again and again; each question goes to a server or a disk, so that it takes its time."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not reached():
        assert time.monotonic() < deadline


@pytest.mark.conformance(66)
def test_removed_data_is_gone_from_the_disk(tmp_path: Path) -> None:
    with Server(tmp_path, retention="1s") as server:
        picture = data_url(png() + CANARY + bytes(20_000))
        input_ = {"image": picture, "prompt": CANARY.decode()}
        shown = server.create("darkroom/echo", input_, Prefer="wait")
        assert shown["status"] == "succeeded", shown
        until(lambda: server.get(shown["id"])["data_removed"] is True)
        until(lambda: holding(tmp_path, CANARY) == [])
        after = server.get(shown["id"])

    removed: dict[str, object] = {"data_removed": True, "input": {}, "output": None, "logs": ""}
    assert after == {**shown, **removed}
