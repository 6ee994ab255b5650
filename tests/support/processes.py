"""A real server with its worker and hosts, as processes, for tests that kill them."""

import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Generator, Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Self, cast

import httpx2

KEY = "a-key-of-sixteen-characters"
DEADLINE_SECONDS = 60.0
_ADDRESS = re.compile(r"darkroom is listening on (http://\S+)")


def wait_until_gone(pids: Iterable[int], seconds: float = DEADLINE_SECONDS) -> None:
    """Return once each of *pids* has ended, a zombie having done so."""
    deadline = time.monotonic() + seconds
    for pid in pids:
        try:
            end = os.pidfd_open(pid)
        except ProcessLookupError:
            continue
        try:
            left = max(0.0, deadline - time.monotonic())
            assert select.select([end], [], [], left)[0], (
                f"{pid} is still there: {command_line(pid)}"
            )
        finally:
            os.close(end)


class Server:
    """`darkroom serve` on a free port; as a context manager it ends everything it started.

    Attributes:
        module: what Python runs.
    """

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = folder
        self.environment = {
            **{name: value for name, value in os.environ.items() if "DARKROOM" not in name},
            "DARKROOM_DATA_DIR": str(folder / "data"),
            "DARKROOM_BOOTSTRAP_KEY": KEY,
            "DARKROOM_WEIGHTS": "tiny",
            "DARKROOM_PORT": "0",
            "DARKROOM_RATE_LIMIT": "0",
            "DARKROOM_WRONG_KEY_LIMIT": "0",
            **{f"DARKROOM_{name.upper()}": value for name, value in settings.items()},
        }
        self.module = "darkroom"
        self.url = ""
        self.client = httpx2.Client(trust_env=False)
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.client.close()
        family = self.family()
        if self._process is not None:
            self.kill()
        wait_until_gone(family)

    def start(self) -> None:
        """Start, and wait for the address; runs asked for from then on wait for a worker."""
        log = (self.folder / "server.log").open("a")
        with log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", self.module, "serve"],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=self.environment,
                cwd=self.folder,
            )
        assert self._process.stdout is not None
        told = _ADDRESS.search(self._process.stdout.readline())
        if told is None:
            self._reaped()
            raise AssertionError((self.folder / "server.log").read_text())
        self.url = told[1]
        self.client.close()
        self.client = httpx2.Client(
            base_url=self.url,
            headers={"Authorization": f"Bearer {KEY}"},
            timeout=DEADLINE_SECONDS,
            trust_env=False,
        )

    # predictions

    def create(
        self, version: str, input_: Mapping[str, object], **headers: str
    ) -> dict[str, object]:
        """Create a prediction; returns its JSON."""
        answer = self.client.post(
            "/v1/predictions", json={"version": version, "input": input_}, headers=headers
        )
        assert answer.status_code in (201, 202), answer.text
        return cast("dict[str, object]", answer.json())

    def get(self, id_: object) -> dict[str, object]:
        """A prediction's JSON."""
        answer = self.client.get(f"/v1/predictions/{id_}")
        assert answer.status_code == 200, answer.text
        return cast("dict[str, object]", answer.json())

    def follow(self, shown: Mapping[str, object]) -> Generator[str]:
        """Lines of a prediction's stream, to its end."""
        url = cast("dict[str, str]", shown["urls"])["stream"]
        with httpx2.stream("GET", url, timeout=DEADLINE_SECONDS, trust_env=False) as answer:
            yield from answer.iter_lines()

    def ended(self, shown: Mapping[str, object]) -> dict[str, object]:
        """The prediction once its stream has ended."""
        for _line in self.follow(shown):
            pass
        return self.get(shown["id"])

    def running(self, shown: Mapping[str, object]) -> None:
        """Wait until the first step's progress line has come."""
        with closing(self.follow(shown)) as lines:
            assert any("%|" in line for line in lines), "the stream ended before a step"

    # processes

    @property
    def pid(self) -> int:
        """The server's own process."""
        assert self._process is not None
        return self._process.pid

    def family(self) -> list[int]:
        """The server and all below it."""
        return [self.pid, *descendants(self.pid)] if self._process is not None else []

    def process(self, words: str) -> int:
        """The descendant whose command line contains *words*."""
        found = [pid for pid in descendants(self.pid) if words in command_line(pid)]
        assert found, f"no process {words!r}"
        return found[0]

    def kill(self) -> None:
        """SIGKILL the server alone."""
        assert self._process is not None
        self._process.kill()
        self._reaped()

    def _reaped(self) -> int:
        assert self._process is not None
        code = self._process.wait(DEADLINE_SECONDS)
        if self._process.stdout is not None:
            self._process.stdout.close()
        return code

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the server."""
        assert self._process is not None
        self._process.send_signal(number)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal to the server and wait for its exit code."""
        self.send(number)
        return self._reaped()


def alive(pid: int) -> bool:
    """Whether a process runs, a zombie being none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def descendants(pid: int) -> list[int]:
    """All processes below *pid*."""
    try:
        threads = list(Path(f"/proc/{pid}/task").iterdir())
        children = [
            int(child) for thread in threads for child in (thread / "children").read_text().split()
        ]
    except OSError:
        return []
    return [one for child in children for one in (child, *descendants(child))]
