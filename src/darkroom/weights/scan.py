"""Looks at a folder of weights before any model library does: nothing in it may run code.

Tensors must be safetensors by content as well as by name, and configurations are read for the
keys that have made libraries import code in spite of their flags.

Source: CVE-2025-32434 (pickle), CVE-2026-4372 and CVE-2026-5241 (configurations).
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, cast

import msgspec

from darkroom.domain.errors import WeightsUnavailable
from darkroom.domain.model import Json
from darkroom.domain.weights_layout import CODE_KEYS, INDEX, LIBRARIES, PICKLED

LONGEST_HEADER: Final = 8 * 2**20
LONGEST_CONFIG: Final = 4 * 2**20


def scan(folder: Path) -> None:
    """Refuse a folder that could run code or cannot hold a pipeline; blocking.

    Raises:
        WeightsUnavailable: names the file and what is wrong with it.
    """
    parts = parts_of(folder / INDEX)
    tensors = 0
    for part in (folder, *(folder / name for name in parts)):
        files = sorted(file for file in part.glob("*") if file.is_file())
        found = [file for file in files if file.suffix == ".safetensors"]
        if part != folder and not found and any(file.suffix in PICKLED for file in files):
            raise WeightsUnavailable(
                f"{part} holds pickled weights only, which can run code and are never loaded;"
                " convert them to .safetensors"
            )
        for file in found:
            _check_tensors(file)
        for file in files:
            if file.name == INDEX or file.name.endswith("config.json"):
                _check_config(file)
        tensors += len(found) if part != folder else 0
    if not tensors:
        raise WeightsUnavailable(f"{folder} holds no .safetensors files; download it again")


def scan_named(folder: Path) -> None:
    """Refuse a folder that an operator has named, as `scan` does, or that is none; blocking.

    Raises:
        WeightsUnavailable: says what is wrong, and where to correct it.
    """
    if not (folder / INDEX).is_file():
        fault = "there is no such folder"
        if folder.is_file():
            fault = "it is a single file; convert it to a folder in the layout of diffusers"
        elif folder.is_dir():
            fault = f"it holds no {INDEX}"
        raise WeightsUnavailable(
            f"folder missing: {folder} ({fault}); correct or remove `weights:` in darkroom.yaml"
        )
    scan(folder)


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
        return cast("Json", msgspec.json.decode(file.read_bytes()))
    except (OSError, msgspec.DecodeError, RecursionError) as error:
        raise WeightsUnavailable(f"{file} is missing or is not JSON; download it again") from error
