"""Looks at every byte of what was pulled, makes room for it anew, or removes it."""

import asyncio
import hashlib
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from darkroom.domain.errors import WeightsUnavailable
from darkroom.domain.weights_address import HubAddress, is_commit
from darkroom.domain.weights_kept import Kept, State
from darkroom.weights.progress import Meter
from darkroom.weights.source import Weights
from darkroom.weights.store import (
    MANIFEST,
    PARTIAL,
    REFERENCES,
    Manifest,
    ManifestFile,
    alone,
    read_manifest,
)

_PIECE_BYTES = 2**20


def damaged_files(kept: Kept, log: Callable[[str], None]) -> Sequence[str]:
    """Hash every file of a pulled folder against its manifest; blocking.

    Args:
        kept: complete or damaged, and from the hub.
        log: told how far it is.

    Returns:
        Paths within the folder of files that are gone or are not what was pulled.
    """
    folder, manifest = _opened(kept)
    if manifest is None:
        return ()
    log(f"looking at {kept.name} {kept.commit[:12]} {kept.part}".rstrip())
    meter = Meter(sum(file.size for file in manifest.files), log, time.monotonic)
    wrong: list[str] = []
    for file in manifest.files:
        if not _is_whole(folder / file.path, file, meter):
            wrong.append(file.path)
        meter.next_file()
    meter.tell()
    return wrong


async def repair(
    kept: Kept, damaged: Sequence[str], weights: Weights, log: Callable[[str], None]
) -> None:
    """Pull the files that are damaged once more, and no others.

    Raises:
        WeightsUnavailable: they cannot be had; what was whole is kept for the next try.
    """
    folder, manifest = _opened(kept)
    if manifest is None:
        return
    async with alone(folder.parent, lambda: _busy(kept)):
        await asyncio.to_thread(_reopen, folder, damaged)
    address = HubAddress(manifest.repo, manifest.commit, manifest.selection.file)
    await weights.bring(address, manifest.selection, log)


async def remove(kept: Kept) -> None:
    """Delete a folder from the hub, and what is remembered of its commit if it was the last.

    Raises:
        WeightsUnavailable: somebody pulls it just now.
    """
    if kept.folder is None or not kept.hub:
        return
    async with alone(kept.folder.parent, lambda: _busy(kept)):
        await asyncio.to_thread(_delete, kept.folder)


def _opened(kept: Kept) -> tuple[Path, Manifest | None]:
    folder = kept.folder or Path()
    pulled = kept.hub and kept.state in {State.COMPLETE, State.DAMAGED}
    return folder, read_manifest(folder) if pulled else None


def _is_whole(path: Path, file: ManifestFile, meter: Meter) -> bool:
    if not path.is_file() or path.stat().st_size != file.size:
        return False
    sha256, done = hashlib.sha256(), 0
    with path.open("rb") as opened:
        while piece := opened.read(_PIECE_BYTES):
            sha256.update(piece)
            done += len(piece)
            meter.moved(done)
    return sha256.hexdigest() == file.sha256


def _reopen(folder: Path, damaged: Sequence[str]) -> None:
    """Turn a folder into one that a pull fills: what is whole stays in it."""
    partial = folder.with_name(folder.name + PARTIAL)
    shutil.rmtree(partial, ignore_errors=True)
    folder.replace(partial)
    for name in (MANIFEST, *damaged):
        (partial / name).unlink(missing_ok=True)


def _delete(folder: Path) -> None:
    shutil.rmtree(folder)
    root, commit = folder.parent, folder.name[:40]
    if any(root.glob(f"{commit}*")):
        return
    for reference in (root / REFERENCES).glob("*"):
        if reference.read_text("ascii").strip() == commit:
            reference.unlink()
    if not any(is_commit(one.name[:40]) for one in root.iterdir()):
        (root / "listing.json").unlink(missing_ok=True)


def _busy(kept: Kept) -> None:
    raise WeightsUnavailable(f"{kept.name} is being pulled just now; try again when that has ended")
