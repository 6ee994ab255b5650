"""A decoder that a picture has taken over: it tries everything and shows what came of it as pixels.

As a program it stands in for the interpreter that the pool starts: it runs the real child, in
which opening a picture is replaced by the attempts below. Called with `unconfined` it makes the
same attempts in an ordinary process, which shows that each can succeed.

The picture must be a PNG followed by the JSON of `Targets`.
"""

import ctypes
import json
import os
import resource
import signal
import socket
import struct
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from errno import EBADF
from io import BytesIO
from pathlib import Path

from PIL import Image

from darkroom.imaging import decoder

MARK = b"<targets>"
WIDTH = 64
_CLONE_NEWUSER = 0x10000000
_PTRACE_ATTACH, _PTRACE_DETACH = 16, 17


@dataclass(frozen=True)
class Targets:
    """What the intruder goes for."""

    folder: str
    """Holds `database` and whatever the attempts make."""
    port: int
    """Somebody listens there on loopback."""
    parent: int
    """A process that it may signal, were it not for the walls."""

    @property
    def database(self) -> str:
        return f"{self.folder}/database"

    def packed(self) -> bytes:
        return MARK + json.dumps(asdict(self)).encode()


def attempts(at: Targets) -> Mapping[str, Callable[[], object]]:
    """By name, what is tried; each gives or does something only if nothing stops it."""
    return {
        "open the database": lambda: os.open(at.database, os.O_RDWR),
        "open what is in the place of a closed one": lambda: _in_place_of(2, at.database),
        "write a new file": lambda: os.open(f"{at.folder}/new", os.O_CREAT | os.O_WRONLY),
        "copy a descriptor": lambda: os.dup(0),
        "make a file in memory": lambda: os.memfd_create("x"),
        "make a pipe": os.pipe,
        "raise its limit of descriptors": _raise_limit,
        "read the database after that": lambda: os.open(at.database, os.O_RDONLY),
        "cut the database": lambda: os.truncate(at.database, 0),
        "change its rights": lambda: os.chmod(at.database, 0o777),  # noqa: S103
        "rename it": lambda: os.rename(at.database, at.database + "2"),
        "remove it": lambda: os.unlink(at.database + "2"),
        "make a folder": lambda: os.mkdir(f"{at.folder}/made"),
        "make a link": lambda: os.symlink("/etc", f"{at.folder}/link"),
        "look at a file": lambda: os.stat("/etc/hosts"),
        "list a folder": lambda: os.listdir("/"),
        "connect": lambda: socket.socket().connect(("127.0.0.1", at.port)),
        "open a socket": socket.socket,
        "listen on a Unix socket": lambda: socket.socket(socket.AF_UNIX),
        "start a process": _fork,
        "signal its parent": lambda: os.kill(at.parent, signal.SIGCONT),
        "read its parent's memory": lambda: _read_memory(at.parent),
        "read its parent's environment": Path(f"/proc/{at.parent}/environ").read_bytes,
        "ask who it is": os.uname,
        "run a program": lambda: os.execv("/bin/true", ["true"]),  # noqa: S606
    }


def _in_place_of(descriptor: int, path: str) -> int:
    os.close(descriptor)
    return os.open(path, os.O_RDONLY)


def _raise_limit() -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    if resource.getrlimit(resource.RLIMIT_NOFILE)[0] != 64:
        raise PermissionError


def _fork() -> None:
    child = os.fork()
    if not child:
        os._exit(0)
    os.waitpid(child, 0)


def _read_memory(pid: int) -> None:
    """Call process_vm_readv with no bytes to read: only the right to do so is asked."""
    kernel = ctypes.CDLL(None, use_errno=True)
    if kernel.process_vm_readv(pid, None, 0, None, 0, 0) < 0:
        raise OSError(ctypes.get_errno(), "process_vm_readv")


def succeeded(at: Targets, report: Callable[[list[str]], None]) -> None:
    """Try everything; *report* is told the names so far before the last, which ends a process."""
    names: list[str] = []
    for name, attempt in attempts(at).items():
        if name == "run a program":
            report(names)
        try:
            attempt()
        except (OSError, ValueError, RuntimeError):
            continue
        names.append(name)
    report(names)


def seen() -> dict[str, object]:
    """What is left of the environment and which descriptors are open, found without opening."""
    held = [descriptor for descriptor in range(256) if _is_open(descriptor)]
    return {"environment": dict(os.environ), "descriptors": held}


def _is_open(descriptor: int) -> bool:
    for touch in (lambda: os.read(descriptor, 0), lambda: os.write(descriptor, b"")):
        try:
            touch()
        except OSError as error:
            if error.errno == EBADF:
                continue
        return True
    return False


def hostile(data: BytesIO, formats: tuple[str, ...]) -> Image.Image:  # noqa: ARG001  # Pillow's own
    """Stand in for `Image.open`."""
    targets = Targets(**json.loads(data.getvalue().partition(MARK)[2]))
    told: dict[str, object] = {}
    before = seen()
    succeeded(targets, lambda names: told.update(succeeded=names))
    return drawn(json.dumps({**before, **told}).encode())


def drawn(report: bytes) -> Image.Image:
    """*report* as the pixels of a picture."""
    row = WIDTH * 3
    held = struct.pack(">I", len(report)) + report
    height = max(8, -(-len(held) // row))
    return Image.frombytes("RGB", (WIDTH, height), held.ljust(row * height, b"\0"))


def read_back(rows: bytes) -> dict[str, object]:
    """The report in the rows of `drawn`."""
    (size,) = struct.unpack_from(">I", rows)
    return json.loads(rows[4 : 4 + size])


def main(words: list[str]) -> None:
    """Run unconfined, or as the pool's child: `-I -m darkroom.imaging.decoder …`."""
    if words[0] == "unconfined":
        targets = Targets(**json.loads(words[1]))
        succeeded(targets, lambda names: print(json.dumps(names), flush=True))  # noqa: T201
        return
    Image.open = hostile
    decoder.main(words[3:])


if __name__ == "__main__":
    main(sys.argv[1:])
