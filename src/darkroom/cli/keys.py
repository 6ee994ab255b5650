"""`darkroom keys`: with a running server and without."""

from collections.abc import Mapping, Sequence
from typing import Annotated, cast

import typer

from darkroom.cli.options import AsJson, DataDir, flags
from darkroom.cli.outcome import note, print_json, print_table
from darkroom.compose import entry
from darkroom.domain.model import Json

app = typer.Typer(help="Make, list and revoke API keys.", no_args_is_help=True)


@app.command("create")
def create(
    *,
    owner: Annotated[str, typer.Option(help="Whose predictions the key reaches.")],
    admin: Annotated[bool, typer.Option("--admin", help="It may also administer.")] = False,
    expires: Annotated[
        str | None, typer.Option(help="90s, 15m, 12h, 30d or a date such as 2027-01-31.")
    ] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Make a key and print it, this once: only its digest is kept."""
    words: Mapping[str, Json] = {"owner": owner, "admin": admin, "expires": expires}
    made = entry.command(flags(data_dir=data_dir), "keys.create", words)
    if as_json:
        print_json(made)
        return
    key = cast("Mapping[str, str]", made)
    print(key["key"])
    note(f"Key {key['id']} of {key['owner']}. It is not shown again.")


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
            str(key["owner"]) + (" (admin)" if key["admin"] else ""),
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


def _state(key: Mapping[str, Json]) -> str:
    if key["revoked_at"]:
        return f"revoked {key['revoked_at']}"
    return f"until {key['expires_at']}" if key["expires_at"] else "valid"
