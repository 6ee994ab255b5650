"""What the hub says a repository holds, and which of its files are needed."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

import msgspec

from darkroom.domain.errors import WeightsUnavailable
from darkroom.domain.weights_address import SAFETENSORS, HubAddress, is_commit
from darkroom.domain.weights_layout import INDEX, PICKLED

ADAPTER: Final = "pytorch_lora_weights.safetensors"
"""What diffusers calls the file of an adapter."""

_PATH = re.compile(r"[a-z0-9_]+/[A-Za-z0-9][A-Za-z0-9._-]*")
_TOP = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._ -]*")
_LICENCE = re.compile(r"LICENSE[A-Za-z0-9._-]*", re.IGNORECASE)
_PLAIN_SUFFIXES = (".json", ".txt", ".model")
_OTHER_INDEX = re.compile(r"\.bin\.index\.|\.index\.[a-z0-9]+\.json$|^flax_|^tf_")
_WEIGHTS = re.compile(
    r"(?P<stem>[A-Za-z0-9_]+)(?P<variant>\.[a-z0-9_]+)?"
    r"(?P<shard>-\d{5}-of-\d{5})?(?P<late>\.[a-z0-9_]+)?\.safetensors"
)
_VARIANTS = (".fp16", ".bf16")


class _Lfs(msgspec.Struct):
    sha256: str
    size: int


class _Sibling(msgspec.Struct):
    rfilename: str
    size: int | None = None
    blob: str | None = msgspec.field(name="blobId", default=None)
    lfs: _Lfs | None = None


class _Repository(msgspec.Struct):
    sha: str
    siblings: list[_Sibling]


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """One file: its path on the hub, the one it gets here, and what it must weigh and hash to.

    `size` is in bytes. `git_sha1` is git's own hash of a blob, known for files outside LFS.
    """

    path: str
    local: str
    size: int | None
    sha256: str | None
    git_sha1: str | None


@dataclass(frozen=True, slots=True)
class Listing:
    """A repository at one commit."""

    commit: str
    files: Sequence[RemoteFile]

    @property
    def index(self) -> RemoteFile | None:
        """The file that names a pipeline's parts."""
        return next((file for file in self.files if file.path == INDEX), None)


def read_listing(address: HubAddress, text: bytes) -> Listing:
    """Read the hub's answer to `/api/models/{repo}/revision/{revision}?blobs=true`.

    Source: huggingface.co/docs/hub/api.

    Raises:
        WeightsUnavailable: it is something else.
    """
    try:
        found = msgspec.json.decode(text, type=_Repository)
    except (msgspec.DecodeError, RecursionError) as error:
        raise WeightsUnavailable(
            f"the hub's description of {address.repo} cannot be read; check DARKROOM_HUB_URL"
        ) from error
    if not is_commit(found.sha):
        raise WeightsUnavailable(f"the hub names no commit for {address.repo}")
    return Listing(found.sha, [_file(one) for one in found.siblings])


def needed(
    files: Iterable[RemoteFile], parts: Iterable[str], without: Collection[str] = ()
) -> Sequence[RemoteFile]:
    """Choose the files of a pipeline: its parts' configurations, tokenizers and safetensors.

    Left out are whatever lies in no part's folder (checkpoints in one file, onnx, openvino,
    samples), pickles, code, and a second precision of weights that are there in the first. Weights
    that exist in half precision alone get the plain name, under which loaders look for them.

    Args:
        files: all that the repository holds.
        parts: names of the folders that belong to the pipeline.
        without: parts whose tensors come from elsewhere; their configurations are still needed.

    Raises:
        WeightsUnavailable: a part has weights, but only pickled ones.
    """
    folders: Mapping[str, list[RemoteFile]] = {part: [] for part in parts}
    chosen: list[RemoteFile] = []
    for file in files:
        folder, _, name = file.path.rpartition("/")
        if file.path == INDEX or (not folder and _LICENCE.fullmatch(name)):
            chosen.append(file)
        elif folder in folders and _PATH.fullmatch(file.path):
            folders[folder].append(file)
    for folder, inside in folders.items():
        chosen += [file for file in inside if _is_plain(file.path.rpartition("/")[2])]
        if folder not in without:
            chosen += _tensors(f"{folder}/", inside)
    return chosen


def needed_of_model(address: HubAddress, files: Iterable[RemoteFile]) -> Sequence[RemoteFile]:
    """Choose the files of a model that is no pipeline: what lies in no folder, but no code.

    Raises:
        WeightsUnavailable: it has weights, but only pickled ones.
    """
    top = [file for file in files if _TOP.fullmatch(file.path)]
    plain = [file for file in top if _is_plain(file.path) or _LICENCE.fullmatch(file.path)]
    return [*plain, *_tensors(address.repo, top)]


def the_file(address: HubAddress, files: Iterable[RemoteFile]) -> RemoteFile:
    """The file that *address* names; of a repository alone, the one adapter it holds.

    Raises:
        WeightsUnavailable: there is none, or more than one to choose from.
    """
    found = [file for file in files if file.path == address.file]
    if address.file is None:
        top = [one for one in files if _TOP.fullmatch(one.path) and one.path.endswith(SAFETENSORS)]
        found = [one for one in top if one.path == ADAPTER] or top
    if len(found) == 1:
        return found[0]
    if address.file is not None:
        raise WeightsUnavailable(
            f"{address.repo} has no {address.file} at revision {address.revision}; correct its"
            " name in darkroom.yaml"
        )
    names = ", ".join(one.path for one in found[:8]) or "none"
    raise WeightsUnavailable(
        f"{address.repo} holds not one {SAFETENSORS} file but: {names}; name the one you mean, as"
        f" hf://{address.repo}/NAME{SAFETENSORS}"
    )


def _is_plain(name: str) -> bool:
    listed = name.endswith(_PLAIN_SUFFIXES) or name == "chat_template.jinja"
    return listed and not _OTHER_INDEX.search(name)


def _tensors(place: str, inside: Iterable[RemoteFile]) -> Sequence[RemoteFile]:
    variants: defaultdict[str, list[RemoteFile]] = defaultdict(list)
    pickled = False
    for file in inside:
        match = _WEIGHTS.fullmatch(file.path.rpartition("/")[2])
        if match:
            variants[match["variant"] or match["late"] or ""].append(file)
        pickled = pickled or PurePosixPath(file.path).suffix in PICKLED
    if pickled and not variants:
        raise WeightsUnavailable(
            f"{place} holds pickled weights only, which can run code and are never loaded;"
            " choose a repository or a revision with .safetensors files"
        )
    if "" in variants or not variants:
        return variants[""]
    variant = next((one for one in _VARIANTS if one in variants), min(variants))
    return [_renamed(file, variant) for file in variants[variant]]


def _renamed(file: RemoteFile, variant: str) -> RemoteFile:
    local = file.path.replace(variant, "", 1)
    return RemoteFile(file.path, local, file.size, file.sha256, file.git_sha1)


def _file(found: _Sibling) -> RemoteFile:
    size = found.lfs.size if found.lfs else found.size
    sha256 = found.lfs.sha256 if found.lfs else None
    git_sha1 = None if found.lfs else found.blob
    return RemoteFile(found.rfilename, found.rfilename, size, sha256, git_sha1)
