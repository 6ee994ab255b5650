"""How weights are named in a catalogue entry: a repository on the hub, or a folder."""

import re
from dataclasses import dataclass
from pathlib import PurePath

from darkroom.domain.errors import InvalidSetting

HUB = "hf://"
TINY = "tiny"
"""Stands where an address would, once random weights have been chosen."""

_PART = r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?"
_REPO = re.compile(rf"({_PART}/{_PART})(?:@(.+))?")
_REVISION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,254}")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_FILES = frozenset(
    {".safetensors", ".gguf", ".bin", ".ckpt", ".pt", ".pth", ".pkl", ".pickle", ".onnx"}
)


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


def parse_weights(text: str, revision: str | None = None) -> HubAddress | PurePath:
    """Read `hf://owner/repo`, `hf://owner/repo@revision`, or the path of a folder.

    Args:
        text: what stands under `weights`.
        revision: what stands under `revision`, if anything.

    Raises:
        InvalidSetting: it is none of these, names a single file, or names two revisions; begins
            with the key that is wrong.
    """
    if not text.startswith(HUB):
        return _folder(text, revision)
    match = _REPO.fullmatch(text.removeprefix(HUB))
    if not match or ".." in text or "--" in match[1]:
        raise InvalidSetting(
            f"weights: must be hf://owner/repo, hf://owner/repo@revision or the path of a folder,"
            f" not {text[:200]!r}"
        )
    if match[2] and revision:
        raise InvalidSetting("revision: the weights name one already, after the @; keep one")
    named = match[2] or revision or "main"
    if not _REVISION.fullmatch(named) or ".." in named:
        raise InvalidSetting(f"revision: must be a branch, tag or commit, not {named[:200]!r}")
    return HubAddress(match[1], named)


def _folder(text: str, revision: str | None) -> PurePath:
    if not text.strip() or "://" in text:
        raise InvalidSetting(
            f"weights: must be hf://owner/repo or the path of a folder, not {text[:200]!r}"
        )
    path = PurePath(text)
    if path.suffix.lower() in _FILES:
        raise InvalidSetting(
            f"weights: {text[:200]!r} is a single file, and those are not loaded; convert it to a"
            " folder in the layout of diffusers and name that"
        )
    if revision:
        raise InvalidSetting("revision: pins hf:// weights, and these are a folder; remove it")
    return path
