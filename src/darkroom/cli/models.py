"""`darkroom models`: what the server can run, what is loaded, and what is to be."""

import time
from collections.abc import Mapping, Sequence
from typing import Annotated, TypeAlias
from urllib.parse import quote

import msgspec
import typer

from darkroom.cli.client import Api, connected, known, read_as
from darkroom.cli.options import AsJson, DataDir, flags
from darkroom.cli.outcome import note, print_json, print_table
from darkroom.domain.errors import Refused
from darkroom.domain.ids import Identifier, parse_identifier
from darkroom.domain.model import Json

app = typer.Typer(help="Look at what the server can run, and have it loaded.", no_args_is_help=True)

_LISTED = "models list"
_LOOK_SECONDS = 0.5
_FOR_OTHERS = frozenset({401, 403, 404})
"""Who may not see what is loaded, or asks a server that does not tell, sees the rest."""

ModelArgument: TypeAlias = Annotated[str, typer.Argument(metavar="OWNER/NAME[:VERSION]")]
Wait = Annotated[bool, typer.Option("--wait/--no-wait", help="Until every worker has loaded it.")]


class _Listed(msgspec.Struct, frozen=True):
    owner: str
    name: str
    description: str | None = None


class _Standing(msgspec.Struct, frozen=True):
    model: str
    version: str
    pool: str
    pinned: str | None
    workers: list[str]
    loaded: list[str]
    troubles: dict[str, str]

    @property
    def missing(self) -> list[str]:
        """Workers that have not said what came of it."""
        return [one for one in self.workers if one not in (*self.loaded, *self.troubles)]


class _Loaded(msgspec.Struct, frozen=True):
    results: list[_Standing]


@app.command("list")
def list_models(*, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """List the models of the server, and where they are loaded."""
    with connected(flags(data_dir=data_dir)) as api:
        models = list(api.pages("/models"))
        standings = _standings(api)
    if as_json:
        print_json([_with_standings(one, standings) for one in models])
        return
    rows = [_row(read_as(_Listed, model), standings) for model in models]
    if standings is None:
        print_table(("MODEL", "DESCRIPTION"), [(row[0], row[-1]) for row in rows])
    else:
        print_table(("MODEL", "LOADED", "PINNED", "DESCRIPTION"), rows)


@app.command("warm")
def warm(
    model: ModelArgument,
    *,
    wait: Wait = True,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Load a model now, on every worker of its pool."""
    with connected(flags(data_dir=data_dir)) as api:
        standing = _do(api, model, "warm")
        if wait:
            standing = _settled(api, standing)
    _tell(standing, as_json=as_json)


@app.command("pin")
def pin(
    model: ModelArgument,
    *,
    wait: Wait = True,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Load a model and keep it loaded, until it is unpinned or the server ends."""
    with connected(flags(data_dir=data_dir)) as api:
        standing = _do(api, model, "pin")
        if wait:
            standing = _settled(api, standing)
    if as_json:
        print_json(_json(standing))
    else:
        print(f"Pinned {standing.model}.")
        note("`darkroom models list` shows where it is loaded.")
    _raise_troubles(standing)


@app.command("unpin")
def unpin(model: ModelArgument, *, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Let a model make room for others again."""
    with connected(flags(data_dir=data_dir)) as api:
        standing = _do(api, model, "unpin")
    if as_json:
        print_json(_json(standing))
    else:
        print(f"Unpinned {standing.model}.")


def _do(api: Api, model: str, verb: str) -> _Standing:
    """Have the server do *verb*; returns how the version stands then.

    Raises:
        InvalidIdentifier: *model* is no identifier.
    """
    name = parse_identifier(model)
    with known(f"there is no model {model!r} here", _LISTED):
        return read_as(_Standing, api.post(api.administration(_path(name, verb))))


def _path(name: Identifier, verb: str) -> str:
    path = f"/models/{quote(name.owner, safe='')}/{quote(name.name, safe='')}/{verb}"
    return f"{path}?version={name.version}" if name.version else path


def _settled(api: Api, standing: _Standing) -> _Standing:
    """Look again and again until every worker has loaded it, or said why not.

    A server that was never asked, as one beside the first or one that was started anew, knows
    nothing of it: then nothing is waited for.
    """
    if standing.missing:
        note(f"Loading {standing.model} on {', '.join(standing.missing)} …")
    while standing.missing:
        time.sleep(_LOOK_SECONDS)
        loaded = read_as(_Loaded, api.get(api.administration("/loaded"))).results
        found = next((one for one in loaded if one.version == standing.version), None)
        if found is None:
            break
        standing = found
    return standing


def _tell(standing: _Standing, *, as_json: bool) -> None:
    """Print where it is loaded.

    Raises:
        Refused: it is not loaded by every worker that could.
    """
    if as_json:
        print_json(_json(standing))
    elif standing.loaded:
        print(f"Loaded {standing.model} on {', '.join(standing.loaded)}.")
    elif standing.missing:
        print(f"Asked {', '.join(standing.missing)} to load {standing.model}.")
        note("`darkroom models list` shows where it is loaded.")
    _raise_troubles(standing)
    if not standing.workers:
        raise Refused(f"no worker of pool {standing.pool} is connected that could load it")


def _raise_troubles(standing: _Standing) -> None:
    """Tell which workers could not load it.

    Raises:
        Refused: there are such.
    """
    if standing.troubles:
        told = [f"{worker}: {why}" for worker, why in standing.troubles.items()]
        raise Refused(f"{standing.model} could not be loaded: {'; '.join(told)}")


def _standings(api: Api) -> Sequence[_Standing] | None:
    """What is loaded where; None where this key may not know."""
    try:
        return read_as(_Loaded, api.get(api.administration("/loaded"))).results
    except Refused as error:
        if error.status not in _FOR_OTHERS:
            raise
        return None


def _of(path: str, standings: Sequence[_Standing]) -> Sequence[_Standing]:
    return [one for one in standings if one.model == path]


def _row(model: _Listed, standings: Sequence[_Standing] | None) -> tuple[str, str, str, str]:
    path = f"{model.owner}/{model.name}"
    own = _of(path, standings or ())
    loaded = dict.fromkeys(worker for one in own for worker in one.loaded)
    pinned = next((one.pinned for one in own if one.pinned), None)
    return path, ", ".join(loaded) or "-", pinned or "-", model.description or ""


def _with_standings(
    model: Mapping[str, Json], standings: Sequence[_Standing] | None
) -> Mapping[str, Json]:
    """The model's JSON, with what is known of its versions under `standings`."""
    if standings is None:
        return model
    own = _of(f"{model['owner']}/{model['name']}", standings)
    return {**model, "standings": [_json(one) for one in own]}


def _json(standing: _Standing) -> Mapping[str, Json]:
    return msgspec.to_builtins(standing)
