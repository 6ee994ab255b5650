"""The weights on disk: `<directory>/<owner>--<repo>/<commit>`, complete once its manifest is.

Where less than a whole pipeline was wanted, a mark follows the commit. A pull fills
`<folder>.partial` and renames it; `refs/<revision>` then says which commit a revision was at, so
that nothing has to be asked of the hub a second time.
"""

import asyncio
import fcntl
import hashlib
import os
import shutil
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final
from urllib.parse import quote

import msgspec

from darkroom.domain.errors import WeightsUnavailable
from darkroom.domain.weights_address import HubAddress
from darkroom.weights.listing import RemoteFile
from darkroom.weights.selection import WHOLE, Selection

MANIFEST: Final = "darkroom-weights.json"
PARTIAL: Final = ".partial"
REFERENCES: Final = "refs"
_LOCK_SECONDS = 0.5


class ManifestFile(msgspec.Struct, frozen=True):
    """One file as it was when its hash was checked; `size` in bytes."""

    path: str
    size: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True):
    """What a complete folder holds, and where it came from."""

    repo: str
    commit: str
    files: Sequence[ManifestFile]
    selection: Selection = WHOLE


class RepoFolder:
    """What is kept of one repository for one selection of its files. Every method blocks."""

    def __init__(self, directory: Path, repo: str, selection: Selection = WHOLE) -> None:
        self.root = directory / HubAddress(repo).folder
        self._selection = selection

    def complete(self, revision: str) -> Path | None:
        """The folder that *revision* was pulled into; None if it was not.

        A whole pipeline stands in for one that could lack parts.

        Raises:
            WeightsUnavailable: a file of it has changed its size or is gone.
        """
        folder = self.finished(revision)
        manifest = read_manifest(folder) if folder else None
        if manifest is None or folder is None:
            return None
        check_sizes(folder, manifest)
        return folder

    def finished(self, revision: str) -> Path | None:
        """The same folder, be it damaged or not."""
        commit = self.commit_of(revision)
        folders = [self.root / f"{commit}{self._selection.mark}"]
        if self._selection.without:
            folders.insert(0, self.root / commit)
        return next((one for one in folders if read_manifest(one) is not None), None)

    def partial(self, commit: str) -> Path:
        """The folder a pull of *commit* fills, made if need be."""
        folder = self.unfinished(commit)
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def unfinished(self, commit: str) -> Path:
        """Where a pull of *commit* that has not ended keeps what it has."""
        return self.root / f"{commit}{self._selection.mark}{PARTIAL}"

    def finish(self, manifest: Manifest, revision: str) -> Path:
        """Write the manifest last, give the folder its name, remember the revision."""
        partial = self.partial(manifest.commit)
        folder = partial.with_name(partial.name.removesuffix(PARTIAL))
        (partial / MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(manifest)))
        shutil.rmtree(folder, ignore_errors=True)  # without a manifest it was never complete
        partial.replace(folder)
        self.remember(revision, manifest.commit)
        return folder

    def remember(self, revision: str, commit: str) -> None:
        """Note which commit *revision* is at."""
        reference = self._reference(revision)
        reference.parent.mkdir(parents=True, exist_ok=True)
        fresh = reference.with_name(reference.name + ".new")
        fresh.write_text(commit, "ascii")
        fresh.replace(reference)

    def commit_of(self, revision: str) -> str:
        """The commit that *revision* was at when it was pulled; *revision* itself if it was not."""
        reference = self._reference(revision)
        return reference.read_text("ascii").strip() if reference.is_file() else revision

    def borrow(self, file: RemoteFile, to: Path) -> bool:
        """Link *file* to *to* from another folder of this repository; False if none has it."""
        if file.sha256 is None:
            return False
        for folder in sorted(self.root.glob("[0-9a-f]*")):
            manifest = read_manifest(folder)
            for one in manifest.files if manifest else ():
                same = (one.sha256, one.size) == (file.sha256, file.size)
                if same and _linked(folder / one.path, to, one.size):
                    return True
        return False

    def _reference(self, revision: str) -> Path:
        return self.root / REFERENCES / quote(revision, safe="")


def read_manifest(folder: Path) -> Manifest | None:
    """What a complete folder holds; None for one that is not."""
    try:
        return msgspec.json.decode((folder / MANIFEST).read_bytes(), type=Manifest)
    except (OSError, msgspec.DecodeError):
        return None


@asynccontextmanager
async def alone(root: Path, waiting: Callable[[], None]) -> AsyncGenerator[None]:
    """Hold the only right to pull into *root*, on this machine and in all its processes.

    Args:
        root: the folder of a repository.
        waiting: called once if somebody else holds it.
    """
    await asyncio.to_thread(root.mkdir, parents=True, exist_ok=True)
    descriptor = os.open(root / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if not _locked(descriptor):
            waiting()
            while not _locked(descriptor):  # noqa: ASYNC110  # another process frees it
                await asyncio.sleep(_LOCK_SECONDS)
        yield
    finally:
        os.close(descriptor)


def weighed(path: Path, expected: RemoteFile) -> ManifestFile:
    """Hash a file that has arrived and hold it against what the hub says of it; blocking.

    Raises:
        WeightsUnavailable: it is another file; it has been deleted.
    """
    size = path.stat().st_size
    sha256 = hashlib.sha256()
    git = hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
    with path.open("rb") as file:
        while piece := file.read(2**20):
            sha256.update(piece)
            if expected.git_sha1:
                git.update(piece)
    wrong = (
        (expected.size is not None and size != expected.size)
        or (expected.sha256 is not None and sha256.hexdigest() != expected.sha256)
        or (expected.git_sha1 is not None and git.hexdigest() != expected.git_sha1)
    )
    if wrong:
        path.unlink()
        raise WeightsUnavailable(
            f"{expected.path} did not arrive as the hub describes it (size or hash differ);"
            " it was deleted and is fetched anew at the next try"
        )
    return ManifestFile(expected.local, size, sha256.hexdigest())


def check_sizes(folder: Path, manifest: Manifest) -> None:
    """Hold the files of a complete folder against its manifest, by their sizes; blocking.

    Raises:
        WeightsUnavailable: one is gone or has another size.
    """
    for file in manifest.files:
        path = folder / file.path
        if not path.is_file() or path.stat().st_size != file.size:
            raise WeightsUnavailable(
                f"{path} is damaged; `darkroom weights verify --repair` downloads it again"
            )


def _linked(source: Path, to: Path, size: int) -> bool:
    try:
        if source.stat().st_size != size:
            return False
        to.unlink(missing_ok=True)
        os.link(source, to)
    except OSError:  # it was deleted, or this file system has no links
        return False
    return True


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
