"""`darkroom run`: one prediction from the words of a command line to pictures in a folder."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, cast

import msgspec
import typer

from darkroom.cli.client import Api, Runnable, Shown, connected, known, read_as
from darkroom.cli.inputs import gives_files, read_inputs
from darkroom.cli.options import AsJson, DataDir, flags
from darkroom.cli.outcome import Exit, complain, note, print_json
from darkroom.cli.saving import links, save
from darkroom.cli.watching import NoPreview, conclude, watch
from darkroom.domain.errors import DarkroomError, Refused
from darkroom.domain.ids import Identifier, parse_identifier
from darkroom.domain.model import Json

_LISTED = "models list"


class _Model(msgspec.Struct, frozen=True):
    latest_version: Runnable | None


class _Release(msgspec.Struct, frozen=True):
    model: str
    version: str


class _Deployment(msgspec.Struct, frozen=True):
    current_release: _Release


@dataclass(frozen=True, slots=True, kw_only=True)
class _Target:
    """Where to create, the body's words but the input, and the schema of what runs."""

    path: str
    words: Mapping[str, Json]
    schema: Mapping[str, Json]


def run(
    model: Annotated[
        str, typer.Argument(metavar="OWNER/NAME[:VERSION]", help="A model, or a deployment.")
    ],
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
    no_preview: NoPreview = False,
) -> None:
    """Run a model or a deployment, show its progress and save what it gives."""
    identifier = parse_identifier(model)
    with connected(flags(data_dir=data_dir)) as api:
        target = _target(api, identifier)
        files = gives_files(target.schema)
        values = read_inputs(inputs or [], target.schema)
        made = read_as(Shown, api.post(target.path, {**target.words, "input": values}))
        previews = files and not as_json and not no_preview
        ended = _watch(api, made, live_text=not files and not as_json, previews=previews)
        shown = read_as(Shown, ended)
        saved = save(api, links(shown.output), output or Path()) if files else []
    if as_json:
        print_json({"prediction": ended, "files": [str(path) for path in saved]})
    if not as_json:
        for path in saved:
            print(path)
    conclude(shown)


def _target(api: Api, identifier: Identifier) -> _Target:
    """What *identifier* means on this server: a version, a model, or else a deployment.

    Raises:
        Refused: it is none of them, or a model that has no version.
    """
    path = identifier.model
    if identifier.version:
        with known(f"there is no model {path!r} of version {identifier.version} here", _LISTED):
            schema = _schema(api, path, identifier.version)
        words = {"version": f"{path}:{identifier.version}"}
        return _Target(path="/predictions", words=words, schema=schema)
    try:
        latest = read_as(_Model, api.get(f"/models/{path}")).latest_version
    except Refused as error:
        if error.status != 404:
            raise
        return _deployment(api, path)
    here = f"/models/{path}/predictions"
    if latest is None:
        read_as(Shown, api.post(here, {"input": {}}))  # refused, with the server's own words
        raise Refused(f"{path} had no version a moment ago. Run it again.")
    schema = cast("Mapping[str, Json]", latest.openapi_schema)
    return _Target(path=here, words={}, schema=schema)


def _deployment(api: Api, path: str) -> _Target:
    with known(f"there is no model and no deployment of yours {path!r} here", _LISTED):
        release = read_as(_Deployment, api.get(f"/deployments/{path}")).current_release
        schema = _schema(api, release.model, release.version)
    return _Target(path=f"/deployments/{path}/predictions", words={}, schema=schema)


def _schema(api: Api, model: str, version: str) -> Mapping[str, Json]:
    told = read_as(Runnable, api.get(f"/models/{model}/versions/{version}"))
    return cast("Mapping[str, Json]", told.openapi_schema)


def _watch(api: Api, made: Shown, *, live_text: bool, previews: bool) -> Json:
    """Follow *made* to its end and return its JSON; Ctrl-C cancels it."""
    try:
        note(f"Prediction {made.id}: {made.urls.web or made.urls.get}")
        watch(api, made, live_text=live_text, previews=previews)
        return api.get(made.urls.get)
    except KeyboardInterrupt:
        _cancel(api, made)
        raise typer.Exit(Exit.INTERRUPTED) from None
    finally:
        if live_text:
            print()


def _cancel(api: Api, made: Shown) -> None:
    try:
        status = read_as(Shown, api.post(made.urls.cancel)).status
    except DarkroomError as error:
        complain(f"could not cancel {made.id}, it may go on: {error}")
    else:
        note(f"Interrupted: prediction {made.id} is {status}.")
