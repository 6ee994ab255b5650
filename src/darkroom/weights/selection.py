"""Which files of a repository are wanted, and how the folder that holds them is marked."""

from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import quote

from darkroom.domain.weights_address import HubAddress


class Kind(StrEnum):
    """What is made of the files."""

    PIPELINE = "pipeline"  # model_index.json and a folder for each part
    FILE = "file"  # one file: a checkpoint or an adapter
    MODEL = "model"  # a model of its own, with its config.json


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What is wanted of one repository.

    Args:
        kind: what is made of it.
        file: of FILE, its path; None is the one adapter that the repository holds.
        without: of PIPELINE, parts whose tensors are not needed, by name.
    """

    kind: Kind = Kind.PIPELINE
    file: str | None = None
    without: tuple[str, ...] = ()

    @property
    def mark(self) -> str:
        """What follows the commit in the name of its folder; a whole pipeline has none."""
        match self.kind:
            case Kind.PIPELINE:
                return "".join(f"-no-{part}" for part in self.without)
            case Kind.MODEL:
                return "-model"
            case Kind.FILE:
                return "-adapter" if self.file is None else f"-file-{quote(self.file, safe='')}"

    @property
    def told(self) -> str:
        """What it is, in words; nothing for a whole pipeline."""
        match self.kind:
            case Kind.PIPELINE:
                return f"without {', '.join(self.without)}" if self.without else ""
            case Kind.MODEL:
                return "model"
            case Kind.FILE:
                return self.file or "adapter"


WHOLE = Selection()
"""A pipeline with all its parts."""


def one_file(address: HubAddress) -> Selection:
    """The file that *address* names, or the one adapter of its repository."""
    return Selection(kind=Kind.FILE, file=address.file)
