"""`darkroom serve` and the worker it starts."""

from pathlib import Path
from typing import Annotated

import typer

from darkroom.cli.options import DataDir, flags
from darkroom.compose import entry


def serve(
    *,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port; 0 takes a free one.")] = None,
    data_dir: DataDir = None,
    weights: Annotated[
        str | None, typer.Option(help="hub: real weights. tiny: random ones, pictures are noise.")
    ] = None,
    workers: Annotated[int | None, typer.Option(help="Worker processes on this machine.")] = None,
    public_url: Annotated[
        str | None, typer.Option(help="Scheme and host clients use, behind a proxy.")
    ] = None,
) -> None:
    """Serve the API until Ctrl-C. Every other setting: docs/configuration.md."""
    chosen = flags(
        host=host,
        port=port,
        data_dir=data_dir,
        weights=weights,
        workers=workers,
        public_url=public_url,
    )
    raise typer.Exit(entry.serve(chosen))


def worker(
    *,
    socket: Annotated[Path, typer.Option(help="Unix socket of the server.")],
    name: Annotated[str, typer.Option(help="What the server calls this worker.")],
    parent: Annotated[int | None, typer.Option(help="Process id of the server.")] = None,
) -> None:
    """Run predictions for a server; `serve` starts these itself."""
    raise typer.Exit(entry.worker({}, socket=socket, name=name, parent=parent))
