"""What lies in the directory of weights, and what models need of it. Every function blocks."""

import os
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

from darkroom.domain.errors import WeightsUnavailable
from darkroom.domain.weights_address import HUB, LORAS, HubAddress, is_commit
from darkroom.domain.weights_kept import Kept, State
from darkroom.weights.scan import check_family, scan_named
from darkroom.weights.source import the_adapter
from darkroom.weights.standing import here
from darkroom.weights.store import (
    PARTIAL,
    REFERENCES,
    RepoFolder,
    check_sizes,
    read_manifest,
)
from darkroom.weights.wanted import Need, naming, needs

Configs: TypeAlias = Mapping[str, Mapping[str, str]]
"""The configuration of each model's version, by owner/name."""

_COMMIT_DIGITS = 40


def rows(directory: Path, configs: Configs) -> Sequence[Kept]:
    """All that the disk holds and all that models need, by name; each once.

    Args:
        directory: of the weights of a worker.
        configs: of the models that count.
    """
    found = {_key(one): one for one in _on_disk(directory)}
    uses: defaultdict[str, list[str]] = defaultdict(list)
    for model, config in configs.items():
        for use, kept in _of_model(directory, config):
            known = found.setdefault(_key(kept), kept)
            if known.state is State.COMPLETE and kept.state is State.DAMAGED:
                found[_key(kept)] = replace(known, state=kept.state, note=kept.note)
            uses[_key(kept)].append(f"{model} {use}")
    told = [replace(one, uses=tuple(uses[key])) for key, one in found.items()]
    return sorted(told, key=lambda one: (not one.uses, one.name, one.part, one.commit))


def needs_here(directory: Path, config: Mapping[str, str]) -> Sequence[Need]:
    """What a configuration needs, by what its single file holds if that is here.

    Args:
        directory: of the weights of a worker.
        config: of a version.

    Raises:
        WeightsUnavailable: an address cannot be read, or the file is of another family.
    """
    return needs(config, _here(directory, config))


def _key(kept: Kept) -> str:
    return str(kept.folder) if kept.folder else f"{kept.name} {kept.part} {kept.revision}"


# ── the disk ────────────────────────────────────────────────────────────────────────────────


def _on_disk(directory: Path) -> Iterator[Kept]:
    for root in sorted(directory.glob("*--*")):
        names = _revisions(root)
        for folder in sorted(root.iterdir()):
            commit = folder.name[:_COMMIT_DIGITS]
            if not folder.is_dir() or not is_commit(commit):
                continue
            revision = ", ".join(names[commit])
            if folder.name.endswith(PARTIAL):
                yield _partial(root, folder, commit)
            elif (kept := _complete(folder, commit, revision)) is not None:
                yield kept


def _revisions(root: Path) -> Mapping[str, Sequence[str]]:
    """The revisions that were asked for, by the commit each was at."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for reference in sorted((root / REFERENCES).glob("*")):
        commit = reference.read_text("ascii").strip()
        if reference.name != commit:
            found[commit].append(reference.name.replace("%2F", "/"))
    return found


def _complete(folder: Path, commit: str, revision: str) -> Kept | None:
    manifest = read_manifest(folder)
    if manifest is None:
        return None
    kept = Kept(
        name=f"{HUB}{manifest.repo}",
        part=manifest.selection.told,
        revision=revision,
        commit=commit,
        size_bytes=sum(file.size for file in manifest.files),
        state=State.COMPLETE,
        folder=folder,
    )
    try:
        check_sizes(folder, manifest)
    except WeightsUnavailable as error:
        return replace(kept, state=State.DAMAGED, note=str(error))
    return kept


def _partial(root: Path, folder: Path, commit: str) -> Kept:
    return Kept(
        name=f"{HUB}{root.name.replace('--', '/', 1)}",
        part=folder.name.removesuffix(PARTIAL)[_COMMIT_DIGITS + 1 :],
        commit=commit,
        size_bytes=_size(folder),
        state=State.PARTIAL,
        note="`darkroom weights pull` goes on where it ended",
        folder=folder,
    )


def _size(path: Path) -> int:
    if path.is_file():
        return path.stat().st_size
    within = (Path(folder) / name for folder, _, names in os.walk(path) for name in names)
    return sum(map(_present, within))


def _present(file: Path) -> int:
    try:
        return file.stat().st_size
    except FileNotFoundError:  # a pull renames what it has
        return 0


# ── what models need ────────────────────────────────────────────────────────────────────────


def _of_model(directory: Path, config: Mapping[str, str]) -> Iterator[tuple[str, Kept]]:
    try:
        found = needs_here(directory, config)
    except WeightsUnavailable as error:
        note = str(error)
        yield "weights", Kept(name=config["weights"], state=State.DAMAGED, note=note, hub=False)
        return
    for need in found:
        if isinstance(need.place, HubAddress):
            yield need.key, _of_hub(directory, need, need.place)
        else:
            yield need.key, _of_path(need, need.place)


def _here(directory: Path, config: Mapping[str, str]) -> Path | None:
    """The single file of the weights, unless it is damaged: then what it lacks is guessed."""
    try:
        return here(config, directory)
    except WeightsUnavailable:
        needs(config)  # another fault than damage is told
        return None


def _of_hub(directory: Path, need: Need, address: HubAddress) -> Kept:
    kept = RepoFolder(directory, address.repo, need.selection)
    commit = kept.commit_of(address.revision)
    asked = Kept(
        name=f"{HUB}{address.repo}",
        part=need.selection.told,
        revision=address.revision,
        commit=commit if is_commit(commit) else "",
        state=State.ABSENT,
    )
    try:
        folder = kept.complete(address.revision)
        if folder is not None:
            check_family(folder, need.family, need.key)
    except WeightsUnavailable as error:
        folder = kept.finished(address.revision)
        return replace(asked, state=State.DAMAGED, note=str(error), folder=folder)
    if folder is not None:
        return replace(asked, state=State.COMPLETE, folder=folder)
    pattern = f"{commit if asked.commit else '*'}{need.selection.mark}{PARTIAL}"
    started = [one for one in sorted(kept.root.glob(pattern)) if _has_mark(one, need)]
    return replace(asked, state=State.PARTIAL, folder=started[-1]) if started else asked


def _has_mark(folder: Path, need: Need) -> bool:
    return folder.name[_COMMIT_DIGITS:] == f"{need.selection.mark}{PARTIAL}"


def _of_path(need: Need, path: Path) -> Kept:
    kept = Kept(name=str(path), state=State.COMPLETE, folder=path, hub=False)
    if not path.exists():
        return replace(kept, state=State.ABSENT, note="there is no such file or folder")
    try:
        with naming(need.key):
            inside = the_adapter(path) if need.key == LORAS and path.is_dir() else path
            scan_named(inside, need.selection, need.family, need.key)
    except WeightsUnavailable as error:
        return replace(kept, state=State.DAMAGED, note=str(error))
    return replace(kept, size_bytes=_size(path))
