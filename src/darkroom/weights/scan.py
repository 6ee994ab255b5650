"""Looks at a folder of weights before any model library does: nothing in it may run code.

Tensors must be safetensors by content as well as by name, and configurations are read for the
keys that have made libraries import code in spite of their flags.

Source: CVE-2025-32434 (pickle), CVE-2026-4372 and CVE-2026-5241 (configurations).
"""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, cast

import msgspec

from darkroom.domain.errors import WeightsUnavailable
from darkroom.domain.families import Family
from darkroom.domain.model import Json
from darkroom.domain.weights_address import SAFETENSORS, WEIGHTS
from darkroom.domain.weights_layout import (
    CODE_KEYS,
    CONFIG,
    INDEX,
    LIBRARIES,
    PICKLED,
    folder_misfit,
)
from darkroom.weights.selection import WHOLE, Kind, Selection

LONGEST_HEADER: Final = 8 * 2**20
LONGEST_CONFIG: Final = 4 * 2**20


def scan(folder: Path, without: Collection[str] = ()) -> None:
    """Refuse a folder that could run code or cannot hold a pipeline; blocking.

    Args:
        folder: in the layout of diffusers.
        without: parts whose tensors come from elsewhere, so that they may lack here.

    Raises:
        WeightsUnavailable: names the file and what is wrong with it.
    """
    parts = parts_of(folder / INDEX)
    tensors = 0
    for part in (folder, *(folder / name for name in parts)):
        found = _scan_part(part, bare=part == folder or part.name in without)
        tensors += found if part != folder else 0
    if not tensors and not without:
        raise WeightsUnavailable(f"{folder} holds no .safetensors files; download it again")


def scan_model(folder: Path) -> None:
    """Refuse a folder that could run code or cannot hold a model that is no pipeline; blocking.

    Raises:
        WeightsUnavailable: names the file and what is wrong with it.
    """
    if not (folder / CONFIG).is_file():
        raise WeightsUnavailable(
            f"{folder} holds no {CONFIG}, so it is no model that can be loaded"
        )
    if not _scan_part(folder, bare=False):
        raise WeightsUnavailable(f"{folder} holds no .safetensors files; download it again")


def scan_file(file: Path) -> None:
    """Refuse a single file that is not there or no safetensors by content; blocking.

    Raises:
        WeightsUnavailable: names the file and what is wrong with it.
    """
    if not file.is_file():
        raise WeightsUnavailable(f"there is no file {file}; correct its path in darkroom.yaml")
    _check_tensors(file)


def scan_selected(folder: Path, selection: Selection) -> None:
    """Look over what a pull of *selection* has brought; blocking.

    Raises:
        WeightsUnavailable: names the file and what is wrong with it.
    """
    match selection.kind:
        case Kind.PIPELINE:
            scan(folder, selection.without)
        case Kind.MODEL:
            scan_model(folder)
        case Kind.FILE:
            for file in folder.rglob(f"*{SAFETENSORS}"):
                scan_file(file)


def scan_named(
    path: Path, selection: Selection = WHOLE, family: Family | None = None, key: str = WEIGHTS
) -> None:
    """Refuse a path that an operator has named and that is not what it should be; blocking.

    Args:
        path: of a folder or file.
        selection: what it should be.
        family: of the entry, for a pipeline; None takes any.
        key: of the entry, under which the path stands.

    Raises:
        WeightsUnavailable: says what is wrong, and where to correct it.
    """
    if selection.kind is Kind.FILE:
        scan_file(path)
        return
    wanted = INDEX if selection.kind is Kind.PIPELINE else CONFIG
    if not (path / wanted).is_file():
        fault = "there is no such folder"
        if path.is_file():
            fault = f"it is a single file whose name does not end in {SAFETENSORS}"
        elif path.is_dir():
            fault = f"it holds no {wanted}"
        raise WeightsUnavailable(
            f"folder missing: {path} ({fault}); correct or remove it in darkroom.yaml"
        )
    check_family(path, family, key)
    scan_selected(path, selection)


def check_family(folder: Path, family: Family | None, key: str) -> None:
    """Refuse a folder that holds another pipeline than its entry says; blocking.

    Args:
        folder: with an index.
        family: of the entry; None takes any.
        key: of the entry, under which the folder stands.

    Raises:
        WeightsUnavailable: says of which family it is, and what to write instead.
    """
    misfit = family and folder_misfit(folder, _read(folder / INDEX), family, key)
    if misfit:
        raise WeightsUnavailable(misfit)


def tensor_names(file: Path) -> Sequence[str]:
    """Names of the tensors in a safetensors file, from its header; blocking.

    Source: github.com/huggingface/safetensors, "Format".

    Raises:
        WeightsUnavailable: it is no such file.
    """
    scan_file(file)
    with file.open("rb") as opened:
        length = int.from_bytes(opened.read(8), "little")
        text = opened.read(length)
    try:
        found = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, RecursionError) as error:
        raise WeightsUnavailable(f"{file} is damaged: its header cannot be read") from error
    return [name for name in found if name != "__metadata__"]


def parts_of(index: Path) -> Sequence[str]:
    """Names of the folders a pipeline's index asks for; blocking.

    Raises:
        WeightsUnavailable: it is unreadable, or names a library that is not one of ours.
    """
    found = _read(index)
    if not isinstance(found, Mapping):
        raise WeightsUnavailable(f"{index} is no description of a pipeline")
    parts: list[str] = []
    for name, value in found.items():
        if isinstance(value, str) or not isinstance(value, Sequence):
            continue
        if len(value) != len(("library", "class")) or not isinstance(value[0], str):
            continue  # a parameter, or a part that this pipeline goes without
        if not name.isidentifier() or value[0] not in LIBRARIES:
            raise WeightsUnavailable(
                f"{index}: {name[:100]!r} comes from {value[0][:100]!r},"
                f" and only parts of {', '.join(sorted(LIBRARIES))} are loaded"
            )
        parts.append(name)
    return parts


def _scan_part(part: Path, *, bare: bool) -> int:
    """Check the files of one folder; returns how many hold tensors. A bare one needs none."""
    files = sorted(file for file in part.glob("*") if file.is_file())
    found = [file for file in files if file.suffix == SAFETENSORS]
    if not bare and not found and any(file.suffix in PICKLED for file in files):
        raise WeightsUnavailable(
            f"{part} holds pickled weights only, which can run code and are never loaded;"
            " convert them to .safetensors"
        )
    for file in found:
        _check_tensors(file)
    for file in files:
        if file.name == INDEX or file.name.endswith("config.json"):
            _check_config(file)
    return len(found)


def _check_tensors(file: Path) -> None:
    with file.open("rb") as opened:
        start = opened.read(9)
    length = int.from_bytes(start[:8], "little")
    if len(start) < 9 or start[8:] != b"{" or length > min(LONGEST_HEADER, file.stat().st_size - 8):
        raise WeightsUnavailable(f"{file} is not a safetensors file, whatever its name says")


def _check_config(file: Path) -> None:
    for key, value in _entries(_read(file)):
        remote_kernel = key.startswith("_attn_implementation") and "/" in str(value)
        if (key in CODE_KEYS and value) or remote_kernel or str(value).endswith(".py"):
            raise WeightsUnavailable(
                f"{file}: {key!r} would load code that came with the weights, which is refused"
            )


def _entries(value: Json) -> Iterator[tuple[str, Json]]:
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, Mapping):
            yield from one.items()
            waiting += one.values()
        elif isinstance(one, Sequence) and not isinstance(one, str):
            yield from (("", part) for part in one if isinstance(part, str))
            waiting += one


def _read(file: Path) -> Json:
    try:
        if file.stat().st_size > LONGEST_CONFIG:
            raise WeightsUnavailable(f"{file} is too large for a configuration")
        return cast("Json", json.loads(file.read_bytes()))  # schedules hold -Infinity
    except (OSError, ValueError, RecursionError) as error:
        raise WeightsUnavailable(f"{file} is missing or is not JSON; download it again") from error
