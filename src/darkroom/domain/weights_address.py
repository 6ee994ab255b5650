"""How weights are named in a catalogue entry: a repository on the hub, a folder, or one file."""

import re
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Final

from darkroom.domain.errors import InvalidSetting
from darkroom.domain.safety import CHECKERS

HUB = "hf://"
TINY = "tiny"
"""Stands where an address would, once random weights have been chosen."""

WEIGHTS: Final = "weights"
BASE: Final = "base"
LORAS: Final = "loras"
BESIDE: Final = CHECKERS
"""Keys of a configuration that name a model of its own beside the pipeline: hf:// or a folder."""

REVISION: Final = "revision"
MAIN: Final = "main"
"""The revision of an address that names none."""

SAFETENSORS: Final = ".safetensors"

_PART = r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?"
_WITHIN = (
    r"(?:[A-Za-z0-9_][A-Za-z0-9._-]{0,120}/){0,4}[A-Za-z0-9_][A-Za-z0-9._ -]{0,180}\.safetensors"
)
_REPO = re.compile(rf"({_PART}/{_PART})(?:/({_WITHIN}))?(?:@(.+))?")
_REVISION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,254}")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_RISKY = frozenset({".bin", ".ckpt", ".pt", ".pth", ".pkl", ".pickle"})
_STRANGE = frozenset({".gguf", ".onnx"})


@dataclass(frozen=True, slots=True)
class HubAddress:
    """A repository on the hub at a branch, tag or commit, or one .safetensors file in it."""

    repo: str
    revision: str = MAIN
    file: str | None = None

    def __str__(self) -> str:
        """As it is written in a catalogue entry."""
        inside = f"/{self.file}" if self.file else ""
        pinned = "" if self.revision == MAIN else f"@{self.revision}"
        return f"{HUB}{self.repo}{inside}{pinned}"

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


def is_single_file(address: HubAddress | PurePath) -> bool:
    """Whether *address* names one .safetensors file."""
    if isinstance(address, HubAddress):
        return address.file is not None
    return address.suffix.lower() == SAFETENSORS


def parse_weights(
    text: str, revision: str | None = None, *, key: str = WEIGHTS
) -> HubAddress | PurePath:
    """Read `hf://owner/repo`, `hf://owner/repo/file.safetensors`, or a path; @ pins a revision.

    Args:
        text: what stands under *key*.
        revision: what stands under `revision`, if anything.
        key: whose value it is; a fault's message begins with it.

    Raises:
        InvalidSetting: it is none of these, names a file of another kind, or names two revisions;
            begins with the key that is wrong.
    """
    if not text.startswith(HUB):
        return _path(text, revision, key)
    match = _REPO.fullmatch(text.removeprefix(HUB))
    if not match or ".." in text or "--" in match[1]:
        raise InvalidSetting(
            f"{key}: must be hf://owner/repo, hf://owner/repo@revision, a file of it that ends in"
            f" {SAFETENSORS}, or the path of a folder or such a file, not {text[:200]!r}"
        )
    if match[3] and revision:
        raise InvalidSetting(f"revision: the {key} name one already, after the @; keep one")
    return pinned(HubAddress(match[1], file=match[2]), match[3] or revision or MAIN)


def pinned(address: HubAddress, revision: str) -> HubAddress:
    """*address* at another revision.

    Raises:
        InvalidSetting: there can be no such revision; begins with `revision`.
    """
    if not _REVISION.fullmatch(revision) or ".." in revision:
        raise InvalidSetting(f"revision: must be a branch, tag or commit, not {revision[:200]!r}")
    return replace(address, revision=revision)


def parse_folder(text: str, *, key: str) -> HubAddress | PurePath:
    """Read what names a whole model, as `parse_weights` does, but no single file.

    Raises:
        InvalidSetting: it cannot be read, or it is a single file; begins with *key*.
    """
    address = parse_weights(text, key=key)
    if is_single_file(address):
        raise InvalidSetting(
            f"{key}: must be hf://owner/repo or the path of a folder, and {text[:200]!r} is a"
            " single file"
        )
    return address


def _path(text: str, revision: str | None, key: str) -> PurePath:
    if not text.strip() or "://" in text:
        raise InvalidSetting(
            f"{key}: must be hf://owner/repo or the path of a folder or of a {SAFETENSORS} file,"
            f" not {text[:200]!r}"
        )
    path = PurePath(text)
    if path.suffix.lower() in _RISKY:
        raise InvalidSetting(
            f"{key}: {text[:200]!r} is a pickle, which can run code when it is read, and those are"
            f" never loaded; get or make it as {SAFETENSORS}"
        )
    if path.suffix.lower() in _STRANGE:
        raise InvalidSetting(
            f"{key}: {text[:200]!r} is in a format that is not loaded; get or make it as"
            f" {SAFETENSORS}"
        )
    if revision:
        raise InvalidSetting(
            f"revision: pins hf:// weights, and these are {_named(path)}; remove it"
        )
    return path


def _named(path: PurePath) -> str:
    return "a file" if path.suffix.lower() == SAFETENSORS else "a folder"
