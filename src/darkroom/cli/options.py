"""Options that several commands share, and what they mean as settings."""

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from darkroom.compose.entry import Flags

DataDir: TypeAlias = Annotated[
    Path | None,
    typer.Option("--data-dir", help="Data directory of the server (DARKROOM_DATA_DIR)."),
]
AsJson: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON alone on stdout.")]


def flags(**given: str | int | Path | None) -> Flags:
    """Keep the options that were given; only what is set overrides file and environment."""
    return {
        name: str(value) if isinstance(value, Path) else value
        for name, value in given.items()
        if value is not None
    }
