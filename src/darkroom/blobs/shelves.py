"""What lies in the folder of files, one of its many folders at a time."""

import os
from pathlib import Path

from darkroom.domain.prediction import Milliseconds
from darkroom.ports.buckets import Lying, ShelfPage

_ROOM = "predictions"
_ON_ITS_WAY = "~"


def shelf_page(root: str, after: str | None) -> ShelfPage:
    """All files of the first folder, or of the one that follows *after*.

    Args:
        root: the folder of files, with a slash at its end.
        after: name of a folder of the first page's kind.

    Raises:
        OSError: the folder cannot be read.
    """
    try:
        folders = sorted(one.name for one in os.scandir(f"{root}{_ROOM}") if one.is_dir())
    except FileNotFoundError:
        return ShelfPage(found=(), next=None)
    left = [name for name in folders if after is None or name > after]
    if not left:
        return ShelfPage(found=(), next=None)
    found = [
        lying
        for one in os.scandir(f"{root}{_ROOM}/{left[0]}")
        if (lying := _lying(left[0], one)) is not None
    ]
    return ShelfPage(found=found, next=left[0] if len(left) > 1 else None)


def _lying(folder: str, one: "os.DirEntry[str]") -> Lying | None:
    try:
        changed_at = one.stat(follow_symlinks=False).st_mtime_ns // 1_000_000
    except FileNotFoundError:
        return None
    plain, half, _ = one.name.partition(_ON_ITS_WAY)
    return Lying(
        name=str(Path(_ROOM, folder, one.name)),
        key=f"{_ROOM}/{plain.replace('+', '/')}",
        changed_at=Milliseconds(changed_at),
        half=bool(half),
    )
