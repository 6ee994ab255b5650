"""Outputs become files of this machine, beside what is there and never over it."""

import re
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import BinaryIO, cast
from urllib.parse import unquote, urlsplit

from darkroom.cli.client import Api
from darkroom.domain.errors import InvalidSetting

_UNFIT = re.compile(r"[^A-Za-z0-9._-]+")


def save(api: Api, links: Sequence[str], folder: Path) -> list[Path]:
    """Fetch every link into *folder*, which is made if missing; returns the paths in order.

    Raises:
        InvalidSetting: the folder cannot be written.
        NoServer: a download broke; nothing half is left behind.
        Refused: the file is gone.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return [_save_one(api, link, folder) for link in links]
    except OSError as error:
        raise InvalidSetting(f"cannot save into {folder} ({error.strerror})") from error


def links(output: object) -> list[str]:
    """The addresses in a prediction's `output`, which is one or a list of them."""
    items = cast("list[object]", output) if isinstance(output, list) else [output]
    return [item for item in items if isinstance(item, str)]


def file_name(link: str) -> str:
    """A name for the file behind *link* that is safe on any machine."""
    name = _UNFIT.sub("-", unquote(urlsplit(link).path).rpartition("/")[2]).lstrip(".-")
    return name[-100:] or "output"


def _save_one(api: Api, link: str, folder: Path) -> Path:
    path, file = _fresh(folder, file_name(link))
    try:
        with file, api.open(link, {}) as response:
            for piece in response.iter_bytes():
                file.write(piece)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return path


def _fresh(folder: Path, name: str) -> tuple[Path, BinaryIO]:
    stem, suffix = Path(name).stem, Path(name).suffix
    for n in count(1):
        path = folder / (name if n == 1 else f"{stem}-{n}{suffix}")
        try:
            return path, path.open("xb")
        except FileExistsError:
            continue
    raise AssertionError  # count never ends
