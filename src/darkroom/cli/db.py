"""`darkroom db`: the database as a whole."""

from pathlib import Path
from typing import Annotated, TypeAlias, cast

import typer

from darkroom.cli.options import AsJson, DataDir, flags
from darkroom.cli.outcome import Exit, note, print_json, print_table
from darkroom.compose import entry
from darkroom.domain.model import Json

app = typer.Typer(
    help="Upgrade, check, back up, restore and move the database.", no_args_is_help=True
)

Folder: TypeAlias = Annotated[Path, typer.Argument(metavar="FOLDER", help="Where the backup is.")]
WithoutFiles: TypeAlias = Annotated[
    bool, typer.Option("--without-files", help="The database alone.")
]


@app.command("upgrade")
def upgrade(*, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Bring the database to this release's schema; `serve` does the same at its start."""
    schema = entry.db_upgrade(flags(data_dir=data_dir))
    if as_json:
        print_json({"schema": schema})
    else:
        print(f"The database has schema {schema}.")


@app.command("check")
def check(*, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Look for damage and contradictions; exit 1 if there are any."""
    faults = entry.db_check(flags(data_dir=data_dir))
    if as_json:
        print_json(cast("Json", list(faults)))
    else:
        print(*faults or ["The database is well."], sep="\n")
    if faults:
        raise typer.Exit(Exit.FAILED)


@app.command("backup")
def backup(
    folder: Folder,
    *,
    without_files: WithoutFiles = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Copy database and files, a bucket's too, into a new folder, also while the server runs."""
    chosen = flags(data_dir=data_dir)
    count, size = entry.db_backup(chosen, folder, with_files=not without_files)
    _tell_copied(folder, count, size, f"in {folder}", as_json=as_json)


@app.command("restore")
def restore(
    folder: Folder,
    *,
    without_files: WithoutFiles = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Put a backup into a data directory that is empty, and a bucket's files into an empty one."""
    chosen = flags(data_dir=data_dir)
    count, size = entry.db_restore(chosen, folder, with_files=not without_files)
    _tell_copied(folder, count, size, "restored", as_json=as_json)


@app.command("move")
def move(
    *,
    to: Annotated[str, typer.Option(help="postgresql://user:password@host/name, empty.")],
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Copy everything from SQLite into an empty PostgreSQL, all or nothing."""
    moved = entry.db_move(flags(data_dir=data_dir), to)
    if as_json:
        print_json(dict(moved))
        return
    print_table(("TABLE", "ROWS"), [(table, str(count)) for table, count in moved.items()])
    note("Set DARKROOM_DATABASE_URL to use it; the files stay where they are.")
    note(
        "The SQLite file is kept, and no server starts on it while `moved-to-postgresql` is there."
    )


def _tell_copied(folder: Path, count: int, size_bytes: int, where: str, *, as_json: bool) -> None:
    if as_json:
        print_json({"folder": str(folder), "files": count, "bytes": size_bytes})
    else:
        print(f"{count} files, {size_bytes} bytes {where}.")
