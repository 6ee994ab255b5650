"""`darkroom config`: the settings as they take effect, and where each comes from."""

import os
from collections.abc import Mapping
from typing import cast

from darkroom.cli.options import AsJson, DataDir, flags
from darkroom.cli.outcome import note, print_json, print_table
from darkroom.compose import entry
from darkroom.domain.model import Json

STARS = "**********"
_SECRET_NAMES = ("key", "token", "secret", "password")


def config(*, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Print the effective settings; secrets as stars."""
    chosen = flags(data_dir=data_dir)
    settings = entry.usable_settings(chosen)
    for name in entry.unknown_variables():
        note(f"{name}: there is no such setting, so it does nothing; see docs/configuration.md")
    values = cast("Mapping[str, Json]", settings.model_dump(mode="json"))
    shown = {name: _hidden(value) for name, value in values.items()}
    sources = {
        name: _source(name, chosen, is_set=name in settings.model_fields_set) for name in shown
    }
    if as_json:
        print_json({name: {"value": shown[name], "source": sources[name]} for name in shown})
        return
    rows = [(name, sources[name], _plain(value)) for name, value in shown.items()]
    print_table(("SETTING", "FROM", "VALUE"), rows)


def _source(name: str, chosen: entry.Flags, *, is_set: bool) -> str:
    if name in chosen:
        return "flag"
    if f"DARKROOM_{name}".upper() in {variable.upper() for variable in os.environ}:
        return "environment"
    return "file" if is_set else "default"


def _hidden(value: Json) -> Json:
    if not isinstance(value, Mapping):
        return value
    return {
        name: STARS if isinstance(inner, str) and _is_secret(name) else _hidden(inner)
        for name, inner in value.items()
    }


def _is_secret(name: str) -> bool:
    return any(word in name.lower() for word in _SECRET_NAMES)


def _plain(value: Json) -> str:
    if isinstance(value, list):
        return ", ".join(str(item) for item in value)
    return "" if value is None else str(value)
