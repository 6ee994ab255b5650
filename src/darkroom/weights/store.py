"""The weights on disk: `<directory>/<owner>--<repo>/<commit>`, complete once its manifest is.

A pull fills `<commit>.partial` and renames it; `refs/<revision>` then says which commit a
revision was at, so that nothing has to be asked of the hub a second time.
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

MANIFEST: Final = "darkroom-weights.json"
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


class RepoFolder:
    """All that is kept of one repository. Every method blocks."""

    def __init__(self, directory: Path, repo: str) -> None:
        self.root = directory / HubAddress(repo).folder

    def complete(self, revision: str) -> Path | None:
        """The folder that *revision* was pulled into; None if it was not.

        Raises:
            WeightsUnavailable: a file of it has changed its size or is gone.
        """
        folder = self.root / self._commit_of(revision)
        try:
            text = (folder / MANIFEST).read_bytes()
            manifest = msgspec.json.decode(text, type=Manifest)
        except (OSError, msgspec.DecodeError):
            return None
        for file in manifest.files:
            path = folder / file.path
            if not path.is_file() or path.stat().st_size != file.size:
                raise WeightsUnavailable(
                    f"{path} is damaged; delete the folder {folder} to download it again"
                )
        return folder

    def partial(self, commit: str) -> Path:
        """The folder a pull of *commit* fills, made if need be."""
        folder = self.root / f"{commit}.partial"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def finish(self, manifest: Manifest, revision: str) -> Path:
        """Write the manifest last, give the folder its name, remember the revision."""
        partial, folder = self.partial(manifest.commit), self.root / manifest.commit
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

    def _commit_of(self, revision: str) -> str:
        reference = self._reference(revision)
        return reference.read_text("ascii").strip() if reference.is_file() else revision

    def _reference(self, revision: str) -> Path:
        return self.root / "refs" / quote(revision, safe="")


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


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
