"""What is kept of weights on a machine, and what models would have there."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class State(StrEnum):
    """How much of something is here."""

    COMPLETE = "complete"
    PARTIAL = "partial"  # a pull that has not ended; the next one goes on with it
    ABSENT = "absent"
    DAMAGED = "damaged"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """One repository at one commit, or a path that an operator has named.

    Args:
        name: `hf://owner/repo`, or the path.
        part: what of the repository, in words; nothing for a whole pipeline.
        uses: what it is for, each as `owner/model` and a key, such as `acme/x weights`.
        revision: what it was asked for by, or is pinned to; empty for a path.
        commit: 40 hex digits; empty where nothing says.
        size_bytes: on this disk.
        state: how much is here.
        note: what is wrong with it, or what to know.
        folder: where it is; for a path, that path.
        hub: whether it came from the hub, or would.
    """

    name: str
    part: str = ""
    uses: Sequence[str] = ()
    revision: str = ""
    commit: str = ""
    size_bytes: int = 0
    state: State
    note: str = ""
    folder: Path | None = None
    hub: bool = True

    @property
    def models(self) -> Sequence[str]:
        """The models that need it, each once."""
        return sorted({use.partition(" ")[0] for use in self.uses})


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a look at every byte has shown; `damaged` are paths within the folder."""

    kept: Kept
    damaged: Sequence[str] = ()
    repaired: bool = False

    @property
    def well(self) -> bool:
        """Whether it can be loaded now."""
        whole = self.kept.state is State.COMPLETE and not self.damaged
        return whole or self.repaired
