"""Watch a prediction on the terminal to its end, and end the command as it did."""

import sys
from contextlib import closing
from typing import Annotated, TypeAlias

import typer

from darkroom.cli.client import Api, Shown
from darkroom.cli.follow import follow
from darkroom.cli.looking import can_show, show_previews
from darkroom.cli.outcome import Exit, complain
from darkroom.cli.progress import Progress

NoPreview: TypeAlias = Annotated[
    bool, typer.Option("--no-preview", help="Draw no preview of the picture.")
]


def watch(api: Api, made: Shown, *, live_text: bool, previews: bool) -> None:
    """Show what *made* tells until its end.

    Args:
        api: of the server.
        made: what to watch.
        live_text: print outputs as they come.
        previews: draw them if the terminal can.

    Raises:
        NoServer: its stream broke again and again.
    """
    progress = Progress(sys.stderr)
    with closing(progress):
        if previews and can_show():
            show_previews(api, made.id, progress)
        for sent in follow(api, made.urls.stream) if made.urls.stream else ():
            if sent.event == "logs":
                progress.take(sent.data)
            elif sent.event == "output" and live_text:
                print(sent.data, end="", flush=True)


def conclude(shown: Shown) -> None:
    """End the command with the exit code of how the prediction ended."""
    match shown.status:
        case "succeeded":
            return
        case "canceled" | "aborted":
            complain(f"the prediction was {shown.status}")
            raise typer.Exit(Exit.PREDICTION_CANCELED)
        case _:
            complain(shown.error or f"the prediction is {shown.status}")
            raise typer.Exit(Exit.PREDICTION_FAILED)
