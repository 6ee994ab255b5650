"""What is wrong with a setting: pydantic's complaint, put into words."""

import re
from collections.abc import Mapping, Sequence
from typing import cast, get_args

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic_core import ErrorDetails
from yaml import MarkedYAMLError

from darkroom.domain.written import (
    LIST,
    MAPPING,
    NUMBER,
    SWITCH,
    TEXT,
    WHOLE,
    missing,
    unfit,
    unknown,
)

_WANTED: Mapping[str, str] = {
    "bool": SWITCH,
    "int": WHOLE,
    "float": NUMBER,
    "finite": NUMBER,
    "string": TEXT,
    "path": TEXT,
    "tuple": f"{LIST}, such as [a, b]",
    "greater_than": "more than {gt:.15g}",
    "greater_than_equal": "at least {ge:.15g}",
    "less_than": "less than {lt:.15g}",
    "less_than_equal": "at most {le:.15g}",
    "literal": "{expected}",
}
"""By how the kinds of pydantic's errors begin; in braces what such an error holds."""

_SUCH_AS: Mapping[str, tuple[str, str]] = {
    "models": ("acme/hello", "{runner: echo}"),
    "owners": ("ada", "{weight: 3}"),
    "pools": ("default", "{max: 4}"),
    "resources": ("h200", "1"),
}
"""For each mapping a key and what may stand there."""

_FIELD = re.compile(r'field "([a-z_]+)"')


def first_fault(error: ValidationError, settings: type[BaseModel]) -> str:
    """A sentence on the first thing that is wrong with *settings*, the whole of them."""
    fault = error.errors()[0]
    *within, key = fault["loc"] or ("settings",)
    if fault["type"] == "extra_forbidden":
        known = _group(settings, str(within[0])) if within else settings
        return unknown(_path(within), str(key), list(known.model_fields))
    if fault["type"] == "missing":
        return missing(_path(within), str(key))
    return _value(fault, secret=_is_secret(settings, str(fault["loc"][0])))


def not_yaml(error: Exception) -> str:
    """Where a file stops being YAML, as far as the parser says, and why."""
    if isinstance(error, MarkedYAMLError) and error.problem_mark is not None:
        mark = error.problem_mark
        return f"line {mark.line + 1}, column {mark.column + 1}: {error.problem}"
    return str(error)


def not_json(told: str, prefix: str) -> str:
    """A sentence on a variable that should hold JSON and does not.

    Args:
        told: pydantic's own words.
        prefix: of the names of variables.
    """
    if (named := _FIELD.search(told)) is None:
        return told
    return f'{named[1]}: {prefix}{named[1].upper()} must be JSON, such as {{"name": {{…}}}}'


def _value(fault: ErrorDetails, *, secret: bool) -> str:
    where = _path(fault["loc"])
    wanted = _wanted(fault)
    if wanted is None:
        return f"{where}: {fault['msg'].removeprefix('Value error, ')}"
    return unfit(where, fault["input"], wanted, secret=secret)


def _wanted(fault: ErrorDetails) -> str | None:
    kind = fault["type"]
    if kind.startswith(("dict", "mapping", "model")):
        return f"{MAPPING}{_such_as(fault['loc'])}"
    for start in (kind, kind.partition("_")[0], kind.removesuffix("_error")):
        if start in _WANTED:
            return _WANTED[start].format(**fault.get("ctx", {}))
    return None


def _such_as(loc: Sequence[str | int]) -> str:
    if loc[-1] in _SUCH_AS:
        name, value = _SUCH_AS[str(loc[-1])]
        return f", such as {{{name}: {value}}}"
    return f", such as {_SUCH_AS[str(loc[0])][1]}" if loc[0] in _SUCH_AS else ""


def _path(loc: Sequence[str | int]) -> str:
    steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in loc)
    return "".join(steps).removeprefix(".")


def _group(settings: type[BaseModel], name: str) -> type[BaseModel]:
    """What stands under each name of a setting that is a mapping."""
    return cast("type[BaseModel]", get_args(settings.model_fields[name].annotation)[-1])


def _is_secret(settings: type[BaseModel], name: str) -> bool:
    field = settings.model_fields.get(name)
    return field is not None and SecretStr in get_args(field.annotation)
