"""A real `darkroom worker --server`, a process with a data directory of its own."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Self, cast

from tests.support.processes import DEADLINE_SECONDS, Server, descendants, wait_until_gone

_NOT_ITS = ("DARKROOM", "AWS_")  # settings and credentials of the test's own process


def token(server: Server, pool: str = "default") -> Mapping[str, str]:
    """A worker's token, as the command line makes it on the running server."""
    return _keys(server, "create", "--worker", "--pool", pool)


def revoke(server: Server, key_id: str) -> None:
    """Refuse a token from now on."""
    _keys(server, "revoke", key_id)


def _keys(server: Server, *words: str) -> Mapping[str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "darkroom", "keys", *words, "--json"],
        env=server.environment,
        cwd=server.folder,
        capture_output=True,
        text=True,
        timeout=DEADLINE_SECONDS,
        check=True,
    )
    return cast("Mapping[str, str]", json.loads(done.stdout))


class RemoteWorker:
    """As a context manager it ends what it started."""

    def __init__(self, folder: Path, url: str, token: str, **settings: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(_NOT_ITS)},
            "DARKROOM_URL": url,
            "DARKROOM_TOKEN": token,
            "DARKROOM_DATA_DIR": str(folder / "data"),
            "DARKROOM_WEIGHTS": "tiny",
            **{f"DARKROOM_{name.upper()}": value for name, value in settings.items()},
        }
        self.log = ""
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_error: object) -> None:
        if self._process is not None:
            family = [self.pid, *descendants(self.pid)]
            self._process.kill()
            self.ended()
            wait_until_gone(family)

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "darkroom", "worker"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=self.environment,
            cwd=self.folder,
        )

    def heard(self, words: str) -> None:
        """Read its log until *words* have come."""
        assert self._process is not None
        assert self._process.stdout is not None
        while words not in self.log:
            line = self._process.stdout.readline()
            assert line, f"it ended without {words!r}: {self.log}"
            self.log += line

    def ended(self) -> int:
        """Its exit code, once it has one."""
        assert self._process is not None
        self.log += self._process.communicate(timeout=DEADLINE_SECONDS)[0]
        return self._process.returncode

    def send(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and wait for the exit code."""
        self.send(number)
        return self.ended()
