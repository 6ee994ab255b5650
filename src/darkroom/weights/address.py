"""What a version says about its weights: a repository on the hub, a folder, or `tiny`."""

import re
from dataclasses import dataclass
from pathlib import Path

from darkroom.domain.errors import WeightsUnavailable

TINY = "tiny"
_HUB = "hf://"
_PART = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?"
_REPO = re.compile(rf"({_PART}/{_PART})(?:@(.+))?")
_REVISION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]*")
_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class HubAddress:
    """A repository on the hub at a branch, tag or commit."""

    repo: str
    revision: str = "main"

    @property
    def folder(self) -> str:
        """The name its folder has on disk, `owner--repo`."""
        return self.repo.replace("/", "--")

    @property
    def commit(self) -> str | None:
        """The revision, if it is a whole commit hash."""
        return self.revision if is_commit(self.revision) else None


def is_commit(text: str) -> bool:
    """Whether *text* is 40 lower-case hex digits."""
    return _COMMIT.fullmatch(text) is not None


def parse_weights(text: str, revision: str | None = None) -> HubAddress | Path:
    """Read `hf://owner/repo[@revision]` or the path of a folder.

    Args:
        text: what stands under `weights` in a version's configuration.
        revision: what stands under `revision`; the one in *text* goes before it.

    Raises:
        WeightsUnavailable: the address of the repository cannot be read.
    """
    if not text.startswith(_HUB):
        return Path(text).expanduser()
    match = _REPO.fullmatch(text.removeprefix(_HUB))
    named = (match and match[2]) or revision or "main"
    if not match or ".." in text or "--" in match[1] or not _REVISION.fullmatch(named):
        raise WeightsUnavailable(
            f"weights: {text[:200]!r} cannot be read; write hf://owner/repo or"
            " hf://owner/repo@revision, or the path of a folder"
        )
    return HubAddress(match[1], named)
