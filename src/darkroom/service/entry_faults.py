"""What is wrong with an operator's entry: msgspec's complaint, put into words."""

import re
from collections.abc import Iterable, Mapping
from typing import cast

import msgspec

from darkroom.domain.written import LIST, MAPPING, NUMBER, SWITCH, TEXT, missing, unfit, unknown
from darkroom.service.entry_weights import WrittenLora

_WANTED: Mapping[str, str] = {
    "bool": SWITCH,
    "str": TEXT,
    "float": NUMBER,
    "array": f"{LIST}, such as [{{weights: ./film.safetensors}}]",
    "object": f"{MAPPING}, such as {{weights: ./film.safetensors, scale: 0.8}}",
}
"""By the types of keys; lists and mappings are those of `loras`."""

_PLACE = re.compile(r" - at `\$(.*)`$")
_STEP = re.compile(r"\.(\w+)|\[(\d+)\]")
_KIND = re.compile(r"Expected `(\w+)")
_KEY = re.compile(r"Object (contains unknown|missing required) field `(.*?)`")


def entry_fault(
    error: msgspec.ValidationError,
    entry: Mapping[str, object],
    kind: type[msgspec.Struct],
    where: str,
) -> str:
    """A sentence on what *error* is about.

    Args:
        error: of reading *entry* as *kind*.
        entry: as it was written.
        kind: what it was read as.
        where: its path.
    """
    place = _PLACE.search(str(error))
    path = place[1] if place else ""
    if key := _KEY.match(str(error)):
        inside = WrittenLora if path else kind
        if key[1] == "missing required":
            return missing(where + path, key[2])
        return unknown(where + path, key[2], [one.name for one in msgspec.structs.fields(inside)])
    wanted = _KIND.match(str(error))
    if wanted is None or wanted[1] not in _WANTED:
        return f"{where}: {error}"
    return unfit(where + path, _at(entry, path), _WANTED[wanted[1]])


def _at(entry: Mapping[str, object], path: str) -> object:
    found = cast("object", entry)
    for key, number in _STEP.findall(path):
        if number:
            found = list(cast("Iterable[object]", found))[int(number)]  # YAML has sets too
        else:
            found = cast("Mapping[str, object]", found)[key]
    return found
