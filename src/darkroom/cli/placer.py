"""`darkroom placer`: workers on a Ray cluster, as many as a server wants."""

from typing import Annotated

import httpx2
import typer

from darkroom.cli.client import TOKEN_VARIABLE, URL_VARIABLE, reached
from darkroom.cli.outcome import note
from darkroom.compose import entry
from darkroom.domain.errors import InvalidSetting

_STOPPING = "a placer that still runs places its workers again: end it first, wherever it runs"
_PATIENCE = httpx2.Timeout(5.0)


def placer(
    *,
    server: Annotated[
        str | None, typer.Option(envvar=URL_VARIABLE, help="Server whose pools these are.")
    ] = None,
    token: Annotated[
        str | None, typer.Option(envvar=TOKEN_VARIABLE, help="An admin key of that server.")
    ] = None,
    address: Annotated[
        str, typer.Option(envvar="RAY_ADDRESS", help="Head of the Ray cluster, host:port.")
    ],
    tokens: Annotated[
        str | None,
        typer.Option(help="Folder on every node: a file per pool with its workers' token."),
    ] = None,
    allow_open_cluster: Annotated[
        bool, typer.Option("--allow-open-cluster", help="Take a cluster that asks for no token.")
    ] = False,
    stop: Annotated[
        bool, typer.Option("--stop", help="Drain and remove all workers it has placed, and end.")
    ] = False,
) -> None:
    """Keep workers on a Ray cluster until Ctrl-C; they stay when this ends. See docs/ray.md."""
    if stop:
        note(_STOPPING)
        raise typer.Exit(entry.placer_stop(address=address, open_allowed=allow_open_cluster))
    if not server or not token:
        raise InvalidSetting(
            f"--server and --token are needed, or {URL_VARIABLE} and {TOKEN_VARIABLE}; an admin "
            "key is made with `darkroom keys create --owner admin --admin`"
        )
    with reached(server, token, _PATIENCE) as api:
        raise typer.Exit(
            entry.placer(
                lambda: api.get(api.administration("/pools")),
                server=server,
                address=address,
                tokens=tokens,
                open_allowed=allow_open_cluster,
            )
        )
