"""`darkroom models`: what the server can run."""

import msgspec
import typer

from darkroom.cli.client import connected, read_as
from darkroom.cli.options import AsJson, DataDir, flags
from darkroom.cli.outcome import print_json, print_table

app = typer.Typer(help="Look at what the server can run.", no_args_is_help=True)


class _Listed(msgspec.Struct, frozen=True):
    owner: str
    name: str
    description: str | None = None


@app.command("list")
def list_models(*, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """List the models of the server."""
    with connected(flags(data_dir=data_dir)) as api:
        models = list(api.pages("/models"))
    if as_json:
        print_json(models)
        return
    listed = [read_as(_Listed, model) for model in models]
    rows = [(f"{model.owner}/{model.name}", model.description or "") for model in listed]
    print_table(("MODEL", "DESCRIPTION"), rows)
