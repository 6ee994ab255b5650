"""Where the server's workers run: for now, on this machine."""

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from pydantic import SecretStr

from darkroom.placers.local import LocalPlacer
from darkroom.settings import CONFIG_VARIABLE, Settings

_PREFIX = "DARKROOM_"
_SERVER_ONLY = frozenset({"models", "bootstrap_key"})


def local_placer(
    settings: Settings, *, socket: Path, on_exit: Callable[[str], None]
) -> LocalPlacer:
    """Workers as child processes, with this server's settings; made inside the event loop.

    Args:
        settings: the server's.
        socket: where it listens for workers.
        on_exit: called with the name of a worker that ended.
    """
    command = (sys.executable, "-P", "-m", "darkroom", "worker", "--socket", str(socket.absolute()))
    return LocalPlacer(
        lambda name: (*command, "--name", name),
        worker_environment(settings, os.environ),
        on_exit=on_exit,
    )


def worker_environment(settings: Settings, environment: Mapping[str, str]) -> dict[str, str]:
    """*environment* with every setting a worker reads as its DARKROOM_ variable.

    Flags of the server reach its workers this way; the operator's file they read again
    themselves, since it may say more than variables can.
    """
    kept = {
        name: value
        for name, value in environment.items()
        if not name.startswith(_PREFIX) or name == CONFIG_VARIABLE
    }
    chosen = {
        f"{_PREFIX}{name.upper()}": _text(getattr(settings, name))
        for name in type(settings).model_fields
        if name not in _SERVER_ONLY and getattr(settings, name) is not None
    }
    return kept | chosen


def _text(value: object) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, Path):
        return str(value.absolute())
    if isinstance(value, tuple):
        return ",".join(str(part) for part in value)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]  # tuples of settings hold strings
    return str(value).lower() if isinstance(value, bool) else str(value)
