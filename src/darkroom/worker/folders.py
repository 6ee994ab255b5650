"""A worker's own directory for files of running predictions, and those that dead workers left."""

import contextlib
import fcntl
import os
import shutil
from collections.abc import Generator
from pathlib import Path
from typing import IO

_LOCK = ".lock"


@contextlib.contextmanager
def run_folder(parent: Path, name: str) -> Generator[Path]:
    """A fresh directory *name* in *parent*, gone afterwards; stale ones are removed first.

    A live worker holds a lock on the file beside its directory; the kernel drops the lock with
    the process, however that ends.
    """
    parent.mkdir(parents=True, exist_ok=True)
    remove_stale(parent)
    with _locked(parent / f"{name}{_LOCK}"):
        folder = parent / name
        folder.mkdir()
        try:
            yield folder
        finally:
            _remove(parent, name)


def remove_stale(parent: Path) -> None:
    """Remove the directories in *parent* whose worker is dead."""
    for name in sorted({path.name.removesuffix(_LOCK) for path in parent.iterdir()}):
        try:
            lock = (parent / f"{name}{_LOCK}").open("rb")
        except FileNotFoundError:
            _remove(parent, name)
            continue
        with lock, contextlib.suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _remove(parent, name)


@contextlib.contextmanager
def _locked(path: Path) -> Generator[None]:
    while True:
        with path.open("wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if _is_at(path, lock):  # else another worker took it for stale in between
                yield
                return


def _is_at(path: Path, file: IO[bytes]) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False


def _remove(parent: Path, name: str) -> None:
    shutil.rmtree(parent / name, ignore_errors=True)
    (parent / f"{name}{_LOCK}").unlink(missing_ok=True)
