"""Whether servers on one database keep their files in one folder, as they must without a bucket.

Each leaves a file of its name in its folder of files: who finds another's there, shares it.
"""

from pathlib import Path

import structlog

from darkroom.domain.errors import InvalidSetting
from darkroom.domain.ids import ServerId

_log = structlog.get_logger()
_MARKS = "servers"
REMEDY = (
    "set DARKROOM_FILES_URL to one bucket for all servers, or give all of them one `files` folder"
)


def mark(files: Path, me: ServerId) -> None:
    """Leave our name in the folder of files.

    Raises:
        InvalidSetting: nothing can be written there.
    """
    folder = files / _MARKS
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (folder / me).touch(mode=0o600)
    except OSError as error:
        raise InvalidSetting(f"data_dir: {files} cannot be written ({error.strerror})") from error


def shared(files: Path, other: ServerId) -> bool:
    """Whether another server keeps its files in this folder too."""
    return (files / _MARKS / other).exists()


class Neighbours:
    """Warns once of each server that lives on our database and keeps its files elsewhere.

    Args:
        files: our folder of files.
    """

    def __init__(self, files: Path) -> None:
        self._files = files
        self._known: set[ServerId] = set()

    def met(self, other: ServerId) -> None:
        """Another server lives; may be told again and again."""
        if other in self._known:
            return
        self._known.add(other)
        if not shared(self._files, other):
            _log.warning(
                "files.not_shared",
                server=other,
                folder=str(self._files),
                meaning="what one of us stores the other cannot read: its runs fail, addresses of "
                "files give 404",
                remedy=REMEDY,
            )
