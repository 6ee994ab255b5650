"""`darkroom weights`: what models are made of, on this machine's disk."""

import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Annotated, TypeAlias, cast

import typer

from darkroom.cli.options import AsJson, DataDir, flags
from darkroom.cli.outcome import Exit, note, print_json, print_table
from darkroom.cli.progress import Progress
from darkroom.compose import entry
from darkroom.domain.errors import InvalidSetting, NotFound
from darkroom.domain.model import Json
from darkroom.domain.weights_address import HUB
from darkroom.domain.weights_kept import Kept, State, Verdict

app = typer.Typer(help="List, pull, verify and remove weights.", no_args_is_help=True)

Name: TypeAlias = Annotated[
    str, typer.Argument(metavar="NAME", help="A model, owner/name, or hf://owner/repo.")
]
AnyName: TypeAlias = Annotated[
    str | None, typer.Argument(metavar="[NAME]", help="A model or hf://owner/repo; else all.")
]
_HEADS = ("WEIGHTS", "REVISION", "COMMIT", "SIZE", "STATE", "FOR")


@app.command("list")
def list_weights(*, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """List what is here and what models need; no network is asked."""
    _tell(entry.weights_find(flags(data_dir=data_dir), None), as_json=as_json)


@app.command("pull")
def pull(
    name: Name,
    *,
    revision: Annotated[
        str | None, typer.Option(help="A branch, tag or commit instead of the one named.")
    ] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Download what a model needs, or a repository; run again, it goes on where it ended."""
    with _progress("pull") as log:
        found = entry.weights_pull(flags(data_dir=data_dir), name, revision, log)
    _tell(found, as_json=as_json)
    if not as_json and not found:
        print(f"{name} needs no weights.")


@app.command("verify")
def verify(
    name: AnyName = None,
    *,
    repair: Annotated[bool, typer.Option("--repair", help="Download damaged files anew.")] = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Hash every file and hold it against what was downloaded; exit 1 if one is damaged."""
    with _progress("verify") as log:
        verdicts = entry.weights_verify(flags(data_dir=data_dir), name, log, repair=repair)
    if as_json:
        print_json([_verdict(one) for one in verdicts])
    else:
        for verdict in verdicts:
            _tell_verdict(verdict)
        if not verdicts:
            print("There is nothing to look at.")
    if not all(one.well for one in verdicts):
        raise typer.Exit(Exit.FAILED)


@app.command("rm")
def remove(
    name: Name,
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Delete what was downloaded for a model and no other one needs, or a repository."""
    chosen = flags(data_dir=data_dir)
    found = [one for one in entry.weights_find(chosen, name) if _is_removable(one)]
    shared = [one for one in found if not name.startswith(HUB) and one.models != [name]]
    going = [one for one in found if one not in shared]
    for one in shared:
        others = ", ".join(model for model in one.models if model != name)
        note(f"{one.name} stays, for {others} needs it too; `darkroom weights rm {one.name}`")
    if not going:
        raise NotFound(f"nothing was downloaded for {name} alone, so there is nothing to remove")
    _ask(going, yes=yes, serves=entry.serves(chosen))
    entry.weights_remove(going)
    if as_json:
        print_json([_row(one) for one in going])
    else:
        print(f"Removed {_size(sum(one.size_bytes for one in going))}.")


def _is_removable(kept: Kept) -> bool:
    return kept.hub and kept.folder is not None and kept.state is not State.ABSENT


def _ask(going: Sequence[Kept], *, yes: bool, serves: bool) -> None:
    """Show what goes and have a person agree; raises typer.Abort if they do not."""
    for one in going:
        note(f"{one.name} {one.commit[:12]} {one.part}".rstrip() + f": {_size(one.size_bytes)}")
        if one.uses:
            note(f"  for {', '.join(one.uses)}: the next prediction downloads it again")
    if serves:
        note("A server runs here. Whether it has these loaded is not known; if so, it keeps them.")
    if not yes and not sys.stdin.isatty():
        raise InvalidSetting("--yes is missing: there is nobody to ask")
    if not yes:
        typer.confirm("Delete them?", abort=True, err=True)


@contextmanager
def _progress(verb: str) -> Generator[Callable[[str], None]]:
    """Draws lines of progress on stderr; Ctrl-C ends the command with its own exit code."""
    progress = Progress(sys.stderr)
    try:
        yield lambda line: progress.take(f"{line}\n")
    except KeyboardInterrupt:
        progress.close()
        note(f"Interrupted; `darkroom weights {verb}` goes on where it ended." if verb == "pull"
             else "Interrupted.")  # fmt: skip
        raise typer.Exit(Exit.INTERRUPTED) from None
    finally:
        progress.close()


def _tell(found: Sequence[Kept], *, as_json: bool) -> None:
    if as_json:
        print_json([_row(one) for one in found])
        return
    rows = [
        (
            f"{one.name} ({one.part})" if one.part else one.name,
            one.revision,
            one.commit[:12],
            _size(one.size_bytes),
            one.state,
            ", ".join(one.uses) or "no model",
        )
        for one in found
    ]
    if rows:
        print_table(_HEADS, rows)
    for one in found:
        if one.note:
            note(f"{one.name}: {one.note}")


def _tell_verdict(verdict: Verdict) -> None:
    kept = verdict.kept
    told = f"{kept.name} {kept.commit[:12]} {kept.part}".rstrip()
    if verdict.repaired:
        print(f"repaired  {told}: {', '.join(verdict.damaged)}")
    elif verdict.well:
        print(f"well      {told}" + ("" if kept.hub else " (looked over; nothing to compare with)"))
    else:
        print(f"damaged   {told}: {', '.join(verdict.damaged) or kept.note}")


def _row(kept: Kept) -> Json:
    return {
        "weights": kept.name,
        "part": kept.part or None,
        "for": list(kept.uses),
        "revision": kept.revision or None,
        "commit": kept.commit or None,
        "size_bytes": kept.size_bytes,
        "state": str(kept.state),
        "path": str(kept.folder) if kept.folder else None,
        "note": kept.note or None,
    }


def _verdict(verdict: Verdict) -> Json:
    row = cast("dict[str, Json]", _row(verdict.kept))
    return {
        **row,
        "damaged": list(verdict.damaged),
        "repaired": verdict.repaired,
        "well": verdict.well,
    }


def _size(size_bytes: int) -> str:
    """Decimal units, as the hub's pages use them.

    >>> _size(3_000_000)
    '3.0 MB'
    """
    if size_bytes >= 10**9:
        return f"{size_bytes / 10**9:.1f} GB"
    return f"{size_bytes / 10**6:.1f} MB"
