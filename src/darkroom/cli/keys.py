"""`darkroom keys`: with a running server and without."""

from collections.abc import Mapping, Sequence
from typing import Annotated, cast

import typer

from darkroom.cli.options import AsJson, DataDir, flags
from darkroom.cli.outcome import note, print_json, print_table
from darkroom.compose import entry
from darkroom.domain.errors import InvalidSetting
from darkroom.domain.ids import DEFAULT_POOL
from darkroom.domain.model import Json

app = typer.Typer(help="Make, list and revoke API keys.", no_args_is_help=True)


@app.command("create")
def create(
    *,
    owner: Annotated[str | None, typer.Option(help="Whose predictions the key reaches.")] = None,
    worker: Annotated[
        bool, typer.Option("--worker", help="A token for workers, and for nothing else.")
    ] = False,
    pool: Annotated[
        str | None, typer.Option(help="Of --worker: which models its workers run.")
    ] = None,
    admin: Annotated[bool, typer.Option("--admin", help="It may also administer.")] = False,
    expires: Annotated[
        str | None, typer.Option(help="90s, 15m, 12h, 30d or a date such as 2027-01-31.")
    ] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Make a key and print it, this once: only its digest is kept."""
    verb, words = _asked(owner, pool, admin=admin, worker=worker)
    made = entry.command(flags(data_dir=data_dir), verb, {**words, "expires": expires})
    if as_json:
        print_json(made)
        return
    key = cast("Mapping[str, str]", made)
    print(key["key"])
    whose = f"for workers of pool {key['pool']}" if worker else f"of {key['owner']}"
    note(f"Key {key['id']} {whose}. It is not shown again.")


def _asked(
    owner: str | None, pool: str | None, *, admin: bool, worker: bool
) -> tuple[str, Mapping[str, Json]]:
    """The verb and its words.

    Raises:
        InvalidSetting: the options do not fit together.
    """
    if worker:
        if owner or admin:
            raise InvalidSetting("--worker: a worker's token has no --owner and is no --admin key")
        return "keys.create_worker", {"pool": pool or DEFAULT_POOL}
    if owner is None:
        raise InvalidSetting("--owner is missing: whose predictions the key reaches")
    if pool is not None:
        raise InvalidSetting("--pool: add --worker; keys of the API belong to no pool")
    return "keys.create", {"owner": owner, "admin": admin}


@app.command("list")
def list_keys(*, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """List all keys, oldest first; never the keys themselves."""
    found = entry.command(flags(data_dir=data_dir), "keys.list", {})
    if as_json:
        print_json(found)
        return
    rows = [
        (
            str(key["id"]),
            str(key["hint"]),
            _whose(key),
            str(key["created_at"]),
            _state(key),
        )
        for key in cast("Sequence[Mapping[str, Json]]", found)
    ]
    print_table(("ID", "KEY", "OWNER", "CREATED", "STATE"), rows)


@app.command("revoke")
def revoke(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="As `keys list` shows it.")],
    *,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Refuse a key from now on."""
    revoked = entry.command(flags(data_dir=data_dir), "keys.revoke", {"id": key_id})
    if as_json:
        print_json(revoked)
    else:
        print(f"Revoked {key_id}.")


def _whose(key: Mapping[str, Json]) -> str:
    if key["pool"]:
        return f"{key['owner']} (pool {key['pool']})"
    return f"{key['owner']} (admin)" if key["admin"] else str(key["owner"])


def _state(key: Mapping[str, Json]) -> str:
    if key["revoked_at"]:
        return f"revoked {key['revoked_at']}"
    return f"until {key['expires_at']}" if key["expires_at"] else "valid"
