"""`darkroom serve` and the worker it starts."""

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from darkroom.cli.client import TOKEN_VARIABLE, URL_VARIABLE
from darkroom.cli.options import DataDir, flags
from darkroom.compose import entry
from darkroom.domain.errors import InvalidSetting

Weights: TypeAlias = Annotated[
    str | None, typer.Option(help="hub: real weights. tiny: random ones, pictures are noise.")
]


def serve(
    *,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port; 0 takes a free one.")] = None,
    data_dir: DataDir = None,
    weights: Weights = None,
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
    server: Annotated[
        str | None, typer.Option(envvar=URL_VARIABLE, help="Address of the server.")
    ] = None,
    token: Annotated[
        str | None,
        typer.Option(envvar=TOKEN_VARIABLE, help="From `keys create --worker --pool P`."),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="What the server calls this worker; it keeps one of its own.")
    ] = None,
    data_dir: Annotated[
        Path | None, typer.Option(help="For weights and running files (DARKROOM_DATA_DIR).")
    ] = None,
    weights: Weights = None,
    socket: Annotated[Path | None, typer.Option(hidden=True)] = None,
    parent: Annotated[int | None, typer.Option(hidden=True)] = None,
) -> None:
    """Run predictions for a server elsewhere until Ctrl-C. See docs/workers.md.

    `serve` starts the workers of its own machine itself, over a Unix socket.
    """
    chosen = flags(data_dir=data_dir, weights=weights)
    if socket is not None:
        code = entry.worker(chosen, socket=socket, name=name or "worker", parent=parent)
    elif not server or not token:
        raise InvalidSetting(
            "--server and --token are needed, or DARKROOM_URL and DARKROOM_TOKEN; the server's "
            "operator makes a token with `darkroom keys create --worker --pool P`"
        )
    else:
        code = entry.remote_worker(chosen, server=server, token=token, name=name)
    raise typer.Exit(code)
