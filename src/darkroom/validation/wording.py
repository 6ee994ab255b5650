"""Faults in the words of the wire, and their order.

Source: Replicate's 422 answers, which carry the type codes and messages of
xeipuuv/gojsonschema (its `errors.go` and `locales.go`).
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from jsonschema_rs import ValidationError
from jsonschema_rs import ValidationErrorKind as Kind

from darkroom.domain.errors import InvalidField
from darkroom.domain.model import Json

Path = tuple[str | int, ...]
_ENOUGH = frozenset({"invalid_type", "string_lte"})


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault, what it is about (a value's path, also of a missing value), and its words."""

    about: Path
    told: InvalidField


def faults_of(error: ValidationError) -> Iterator[Fault]:
    """Tell one error of the schema; several unexpected keys are several faults."""
    path = tuple(error.instance_path)
    match error.kind:
        case Kind.Required(property=name) if error.schema_path[-1] == "dependencies":
            yield _dependency(path, name)
        case Kind.Required(property=name):
            yield Fault((*path, name), _told("required", path, f"{name} is required"))
        case Kind.AdditionalProperties(unexpected=names):
            for name in names:
                words = f"Additional property {name} is not allowed"
                told = _told("additional_property_not_allowed", path, words)
                yield Fault((*path, name), told)
        case kind:
            code, words = _of_a_value(kind, error, path)
            yield Fault(path, _told(code, path, words))


def format_fault(path: Path, description: str) -> Fault:
    """A string that is not what its format asks for."""
    return Fault(path, _told("format", path, description))


def in_order(faults: Sequence[Fault], names: Sequence[str], inputs: Sequence[str]) -> list[Fault]:
    """Sort: beside `input` first in the order of *names*, then inputs in their own order.

    A value of the wrong type, or too long, has no other fault: what else is said about it is
    dropped.
    """
    settled = {one.about for one in faults if one.told.type in _ENOUGH}
    told = (one for one in faults if one.told.type in _ENOUGH or one.about not in settled)
    return sorted(told, key=lambda one: _rank(one.about, names, inputs))


def _rank(about: Path, names: Sequence[str], inputs: Sequence[str]) -> tuple[bool, int]:
    inside = len(about) > 1 and about[0] == "input"
    known = inputs if inside else names
    name = about[inside] if about else ""
    return inside, known.index(name) if name in known else len(known)


def _dependency(path: Path, name: str) -> Fault:
    about = "webhook_events_filter"  # the only key that depends on another
    words = f"{about} cannot be provided without {name}"
    return Fault((*path, about), _told("missing_dependency", path, words))


def _of_a_value(kind: Kind, error: ValidationError, path: Path) -> tuple[str, str]:
    match kind:
        case Kind.Type(types=types):
            given = _type_name(cast("Json", error.instance))
            told = "invalid_type", f"Invalid type. Expected: {','.join(types)}, given: {given}"
        case Kind.Enum(options=options):
            choices = ", ".join(json.dumps(one, ensure_ascii=False) for one in options)
            told = "enum", f"{_inner(path)} must be one of the following: {choices}"
        case Kind.Minimum(limit=limit):
            told = "number_gte", f"Must be greater than or equal to {_number(limit)}"
        case Kind.Maximum(limit=limit):
            told = "number_lte", f"Must be less than or equal to {_number(limit)}"
        case Kind.MaxLength(limit=limit):
            told = "string_lte", f"String length must be less than or equal to {limit}"
        case _:
            told = kind.name, error.message
    return told


def _told(code: str, path: Path, description: str) -> InvalidField:
    return InvalidField(type=code, field=_dotted(path), description=description)


def _dotted(path: Path) -> str:
    return ".".join(str(part) for part in path)


def _inner(path: Path) -> str:
    return _dotted(path[1:] if path[0] == "input" else path)


def _number(limit: object) -> str:
    return f"{limit:g}" if isinstance(limit, float) else str(limit)


def _type_name(value: Json) -> str:
    """The JSON type as gojsonschema names it: a whole number is an integer, also as `25.0`."""
    match value:
        case None:
            name = "null"
        case bool():
            name = "boolean"
        case str():
            name = "string"
        case int():
            name = "integer"
        case float():
            name = "integer" if value.is_integer() else "number"
        case Mapping():
            name = "object"
        case _:
            name = "array"
    return name
