"""How the server of one machine starts its workers: the command and what they may know."""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from pydantic import SecretStr

from darkroom.placers.local import LocalPlacer
from darkroom.settings import CONFIG_VARIABLE, Settings

_PREFIX = "DARKROOM_"
_NOT_FOR_WORKERS = frozenset(
    {"models", "owners", "pools", "bootstrap_key", "worker_token", "files_url", "files_endpoint"}
)
_OF_THE_BUCKET = "AWS_"


def local_placer(settings: Settings, socket: Path, on_exit: Callable[[str], None]) -> LocalPlacer:
    """Workers as child processes that come in by *socket*; *on_exit* hears of one that ended."""
    environment = worker_environment(settings, os.environ)
    return LocalPlacer(
        lambda name: worker_command(socket, name),
        lambda: environment,
        on_exit=on_exit,
    )


def worker_command(socket: Path, name: str) -> Sequence[str]:
    """Program and arguments of a worker that ends with this process."""
    program = [sys.executable, "-P", "-m", "darkroom", "worker"]
    return [*program, "--socket", str(socket), "--name", name, "--parent", str(os.getpid())]


def worker_environment(settings: Settings, environment: Mapping[str, str]) -> dict[str, str]:
    """The server's *environment* with every setting spelled out, so that flags reach workers too.

    Models, terms of owners and keys are left out: a worker is told of a model when it is to run it.
    It does read the operator's file as its server does, for it runs as the same account. With files
    in a bucket, its credentials are left out too: a worker goes there with signed addresses.
    """
    hidden = (_PREFIX, _OF_THE_BUCKET) if settings.files_url else (_PREFIX,)
    told = {
        name: value
        for name, value in environment.items()
        if not name.startswith(hidden) or name == CONFIG_VARIABLE
    }
    for name in Settings.model_fields:
        value: object = getattr(settings, name)
        if name not in _NOT_FOR_WORKERS and value is not None:
            told[f"{_PREFIX}{name.upper()}"] = _spelled(value)
    return told


def _spelled(value: object) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, Path):
        return str(value.resolve())
    if isinstance(value, tuple):
        return ",".join(str(one) for one in value)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]  # tuples of str alone
    return str(value)
