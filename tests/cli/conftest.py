"""One real server with the echo models, for all tests of this room."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import httpx2
import pytest

Operator: TypeAlias = Callable[..., None]
COMMAND = (sys.executable, "-m", "darkroom")


@dataclass(frozen=True)
class Shell:
    """Runs `darkroom` as a person would, in a folder of its own."""

    folder: Path
    environment: dict[str, str]

    def __call__(self, *words: str, **variables: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(  # our own command
            [*COMMAND, *words],
            cwd=self.folder,
            env={**self.environment, **variables},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    def start(self, *words: str) -> "subprocess.Popen[str]":
        """Start a command that Ctrl-C ends, also where whoever runs the tests ignores it."""
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            return subprocess.Popen(  # our own command
                [*COMMAND, *words],
                cwd=self.folder,
                env=self.environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        finally:
            signal.signal(signal.SIGINT, before)


@dataclass(frozen=True)
class Server:
    """A running server: its address, and what it printed at its first start."""

    url: str
    data_dir: Path
    greeting: Sequence[str]


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Generator[Server]:
    """`darkroom serve` on a free port, ended in good order."""
    data_dir = tmp_path_factory.mktemp("data")
    shell = Shell(tmp_path_factory.mktemp("server"), environment(data_dir))
    process = shell.start("serve", "--port", "0")
    assert process.stdout is not None
    with process:
        first = process.stdout.readline()
        if "listening on" not in first:
            process.kill()
            _, told = process.communicate()
            pytest.fail(f"the server did not start: {first}{told}")
        greeting = (first, process.stdout.readline(), process.stdout.readline())
        yield Server(first.split()[-1], data_dir, greeting)
        process.send_signal(signal.SIGTERM)
        _, told = process.communicate(timeout=30)
        assert process.returncode == 0, told


@pytest.fixture
def darkroom(server: Server, tmp_path: Path) -> Shell:
    """The command line beside the running server, which it finds by the data directory."""
    return Shell(tmp_path, environment(server.data_dir))


@pytest.fixture
def operator(server: Server) -> Operator:
    """Posts JSON to a path of the API with the server's first key."""
    key = re.findall(r"dkr_\S+", server.greeting[1])[0]

    def post(path: str, **body: object) -> None:
        answer = httpx2.post(
            f"{server.url}/v1{path}",
            json=body,
            headers={"Authorization": f"Bearer {key}"},
            trust_env=False,
        )
        assert answer.is_success, answer.text

    return post


@pytest.fixture
def alone(tmp_path: Path) -> Shell:
    """The command line where no server runs."""
    return Shell(tmp_path, environment(tmp_path / "data"))


def environment(data_dir: Path) -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith("DARKROOM_")}
    return {
        **own,
        "DARKROOM_DATA_DIR": str(data_dir),
        "DARKROOM_WEIGHTS": "tiny",
        "DARKROOM_DRAIN_SECONDS": "2",
    }
