"""Every command, and how a failure becomes one line and an exit code."""

import sys
import traceback
from pathlib import Path
from typing import Annotated

import typer

from darkroom import __version__
from darkroom.cli.configuration import config
from darkroom.cli.db import app as db
from darkroom.cli.doctor import doctor
from darkroom.cli.keys import app as keys
from darkroom.cli.models import app as models
from darkroom.cli.outcome import Exit, complain, exit_code
from darkroom.cli.placer import placer
from darkroom.cli.pools import app as pools
from darkroom.cli.predictions import app as predictions
from darkroom.cli.run import run
from darkroom.cli.serve import serve, worker
from darkroom.cli.weights import app as weights
from darkroom.domain.errors import DarkroomError


def _tell_version(asked: bool) -> None:  # noqa: FBT001  # typer's signature
    if asked:
        print(f"darkroom {__version__}")
        raise typer.Exit


app = typer.Typer(
    name="darkroom",
    help="Replicate's prediction API on machines you own.",
    epilog="Exit codes and examples: docs/cli.md.",
    no_args_is_help=True,
    rich_markup_mode=None,  # plain help starts in a tenth of the time
    pretty_exceptions_enable=False,
)


@app.callback()
def darkroom(
    *,
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_tell_version, help="Show it.")
    ] = False,
) -> None:
    """Replicate's prediction API on machines you own."""


app.command("serve")(serve)
app.command("worker")(worker)
app.command("placer")(placer)
app.command("run")(run)
app.add_typer(models, name="models")
app.add_typer(predictions, name="predictions")
app.add_typer(pools, name="pools")
app.add_typer(keys, name="keys")
app.add_typer(weights, name="weights")
app.add_typer(db, name="db")
app.command("config")(config)
app.command("doctor")(doctor)


def main() -> None:
    """Run the command line of this process and end it."""
    try:
        app(prog_name="darkroom")
    except DarkroomError as error:
        complain(str(error))
        sys.exit(exit_code(error))
    except KeyboardInterrupt:
        sys.exit(Exit.INTERRUPTED)
    except Exception as error:  # noqa: BLE001  # the last door: a person gets one line
        last = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{Path(last.filename).name}, line {last.lineno}"
        complain(f"unexpected {type(error).__name__}: {error} ({where}); please report this line")
        sys.exit(Exit.FAILED)
