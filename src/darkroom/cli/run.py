"""`darkroom run`: one prediction from the words of a command line to pictures in a folder."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, cast

import msgspec
import typer

from darkroom.cli.client import Api, Runnable, Shown, connected, known, read_as
from darkroom.cli.follow import follow
from darkroom.cli.inputs import gives_files, read_inputs
from darkroom.cli.options import AsJson, DataDir, flags
from darkroom.cli.outcome import Exit, complain, note, print_json
from darkroom.cli.progress import Progress
from darkroom.cli.saving import links, save
from darkroom.domain.errors import DarkroomError
from darkroom.domain.ids import Identifier, parse_identifier
from darkroom.domain.model import Json


class _Model(msgspec.Struct, frozen=True):
    latest_version: Runnable


def run(
    model: Annotated[str, typer.Argument(metavar="OWNER/NAME[:VERSION]")],
    *,
    inputs: Annotated[
        list[str] | None,
        typer.Option("-i", "--input", metavar="KEY=VALUE", help="KEY=@FILE sends a file."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Folder for the outputs; default: here.")
    ] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Run a model, show its progress and save what it gives."""
    identifier = parse_identifier(model)
    with connected(flags(data_dir=data_dir)) as api:
        schema = _schema(api, identifier)
        files = gives_files(schema)
        made = _create(api, identifier, read_inputs(inputs or [], schema))
        ended = _watch(api, made, live_text=not files and not as_json)
        shown = read_as(Shown, ended)
        saved = save(api, links(shown.output), output or Path()) if files else []
    if as_json:
        print_json({"prediction": ended, "files": [str(path) for path in saved]})
    _conclude(shown, saved, as_json=as_json)


def _schema(api: Api, identifier: Identifier) -> Mapping[str, Json]:
    path = f"/models/{identifier.model}"
    version = f" of version {identifier.version}" if identifier.version else ""
    with known(f"there is no model {identifier.model!r}{version} here", "models list"):
        if identifier.version:
            told = read_as(Runnable, api.get(f"{path}/versions/{identifier.version}"))
        else:
            told = read_as(_Model, api.get(path)).latest_version
    return cast("Mapping[str, Json]", told.openapi_schema)


def _create(api: Api, identifier: Identifier, values: Mapping[str, Json]) -> Shown:
    if identifier.version:
        text = f"{identifier.model}:{identifier.version}"
        made = api.post("/predictions", {"version": text, "input": values})
    else:
        made = api.post(f"/models/{identifier.model}/predictions", {"input": values})
    return read_as(Shown, made)


def _watch(api: Api, made: Shown, *, live_text: bool) -> Json:
    """Follow *made* to its end and return its JSON; Ctrl-C cancels it."""
    progress = Progress(sys.stderr)
    try:
        note(f"Prediction {made.id}: {made.urls.web or made.urls.get}")
        for sent in follow(api, made.urls.stream) if made.urls.stream else ():
            if sent.event == "logs":
                progress.take(sent.data)
            elif sent.event == "output" and live_text:
                print(sent.data, end="", flush=True)
        return api.get(made.urls.get)
    except KeyboardInterrupt:
        progress.close()
        _cancel(api, made)
        raise typer.Exit(Exit.INTERRUPTED) from None
    finally:
        progress.close()
        if live_text:
            print()


def _cancel(api: Api, made: Shown) -> None:
    try:
        status = read_as(Shown, api.post(made.urls.cancel)).status
    except DarkroomError as error:
        complain(f"could not cancel {made.id}, it may go on: {error}")
    else:
        note(f"Interrupted: prediction {made.id} is {status}.")


def _conclude(shown: Shown, saved: Sequence[Path], *, as_json: bool) -> None:
    if not as_json:
        for path in saved:
            print(path)
    match shown.status:
        case "succeeded":
            return
        case "canceled" | "aborted":
            complain(f"the prediction was {shown.status}")
            raise typer.Exit(Exit.PREDICTION_CANCELED)
        case _:
            complain(shown.error or f"the prediction is {shown.status}")
            raise typer.Exit(Exit.PREDICTION_FAILED)
