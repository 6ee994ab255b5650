"""All files of a bucket to a folder and back, as a backup needs them. Blocking, several at once."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import obstore
from obstore.exceptions import BaseError

from darkroom.blobs.keys import checked
from darkroom.blobs.objects import PART_BYTES, PARTS_AT_ONCE, created, listing
from darkroom.domain.errors import FilesUnavailable

if TYPE_CHECKING:
    from obstore.store import MemoryStore, S3Store

AT_ONCE = 8
"""Files on their way at a time; each holds one part in memory."""


def fetched(store: "S3Store | MemoryStore", folder: Path) -> Iterator[str]:
    """Copy every file of the bucket to *folder*, at its key; yields keys, in their order.

    One that is removed meanwhile is left out, as is what has no key of ours for a name.

    Raises:
        FilesUnavailable: the bucket does not give one of them.
    """
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="backup") as threads:
        try:
            for page in listing(store, None):
                ours = [one for one in page if _is_key(one["path"])]
                copies = threads.map(partial(_fetch, store, folder), ours)
                yield from (one["path"] for one, there in zip(ours, copies, strict=True) if there)
        except (BaseError, OSError) as error:
            raise FilesUnavailable(f"the bucket cannot be copied: {error}"[:500]) from error


def put_back(store: "S3Store | MemoryStore", folder: Path, keys: Iterable[str]) -> None:
    """Store the files of *folder* in the bucket, each at its key; none that is there is replaced.

    Raises:
        FilesUnavailable: the bucket does not take one of them.
    """
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="restore") as threads:
        try:
            for _ in threads.map(partial(_put, store, folder), keys):
                pass
        except (BaseError, OSError) as error:
            raise FilesUnavailable(f"the bucket does not take a file: {error}"[:500]) from error


def has_files(store: "S3Store | MemoryStore") -> bool:
    """Whether the bucket holds anything under its prefix.

    Raises:
        FilesUnavailable: it does not say.
    """
    try:
        return bool(next(iter(listing(store, None)), ()))
    except (BaseError, OSError) as error:
        raise FilesUnavailable(f"the bucket cannot be listed: {error}"[:500]) from error


def _fetch(store: "S3Store | MemoryStore", folder: Path, one: "obstore.ObjectMeta") -> bool:
    path = folder / one["path"]
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        with path.open("wb") as file:
            for start in range(0, one["size"], PART_BYTES):
                end = min(start + PART_BYTES, one["size"])
                file.write(obstore.get_range(store, one["path"], start=start, end=end))
    except FileNotFoundError:
        path.unlink()
        return False
    return True


def _put(store: "S3Store | MemoryStore", folder: Path, key: str) -> None:
    path = folder / checked(key)
    if path.stat().st_size <= PART_BYTES:
        created(store, key, path.read_bytes())
        return
    parts = obstore.open_writer(store, key, buffer_size=PART_BYTES, max_concurrency=PARTS_AT_ONCE)
    with path.open("rb") as file:
        while piece := file.read(PART_BYTES):
            parts.write(piece)
    parts.close()  # it shows the file; after a fault nothing is shown


def _is_key(path: str) -> bool:
    try:
        return bool(checked(path))
    except ValueError:
        return False
