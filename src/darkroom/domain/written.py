"""Words for what an operator wrote and darkroom cannot use: which key, what, what instead.

Whoever reads a file says in its library's terms what is wrong; here that becomes a sentence.
"""

from collections.abc import Collection, Mapping
from datetime import date
from difflib import get_close_matches
from typing import Final

SWITCH: Final = "on or off"
WHOLE: Final = "a whole number"
NUMBER: Final = "a number"
TEXT: Final = "text"
LIST: Final = "a list"
MAPPING: Final = "a mapping"

_SWITCHES = frozenset({"on", "off", "true", "false", "yes", "no"})
_LONGEST = 80
_MOST_KEYS = 16


def unfit(where: str, found: object, wanted: str, *, secret: bool = False) -> str:
    """A sentence on a value that is not what it must be.

    Args:
        where: the path of its key, with dots.
        found: as it was read from the file.
        wanted: what it must be.
        secret: whether it must not be shown.

    >>> unfit("models.acme/x.safety", "maybe", SWITCH)
    "models.acme/x.safety is 'maybe'; it must be on or off"
    >>> unfit("models.acme/x.revision", 1.0, TEXT)
    'models.acme/x.revision is 1.0; it must be text: put it in quotes'
    """
    must = f"must be {wanted}{_quotes(found, wanted)}"
    if found is None:
        return f"{where} has no value; it {must}"
    return f"{where} {must}" if secret else f"{where} is {_shown(found)}; it {must}"


def unknown(where: str, key: str, known: Collection[str]) -> str:
    """A sentence on a key that nothing reads.

    Args:
        where: the path of what holds it; empty for the file itself.
        key: as it was written.
        known: the keys that are read there.

    >>> unknown("models.acme/x", "weigths", ["runner", "weights"])
    'models.acme/x.weigths: there is no such setting; did you mean weights?'
    """
    told = f"{where}.{key}" if where else key
    near = get_close_matches(key, known, 1)
    if near:
        return f"{told}: there is no such setting; did you mean {near[0]}?"
    if len(known) > _MOST_KEYS:
        return f"{told}: there is no such setting; see docs/configuration.md"
    return f"{told}: there is no such setting; there are {', '.join(known)}"


def missing(where: str, key: str) -> str:
    """A sentence on a key that must be there.

    >>> missing("pools.large", "max")
    'pools.large.max is missing; it must be there'
    """
    return f"{where}.{key} is missing; it must be there"


def _shown(found: object) -> str:
    match found:
        case bool():
            return "on" if found else "off"
        case str():
            return repr(found[:_LONGEST])
        case int() | float() | date():
            return str(found)[:_LONGEST]
        case Mapping():
            return MAPPING
        case _:
            return LIST


def _quotes(found: object, wanted: str) -> str:
    """What to say where quotes alone are wrong; YAML reads `off` or `1.0` as no text without."""
    if wanted == TEXT and isinstance(found, int | float | date):
        return ": put it in quotes"
    bare = isinstance(found, str) and (
        (wanted == SWITCH and found.lower() in _SWITCHES)
        or (wanted == NUMBER and found.removeprefix("-").replace(".", "", 1).isdecimal())
    )
    return ", without quotes" if bare else ""
