"""`darkroom doctor`: what is well, what is not, and what to do about it."""

from dataclasses import asdict
from typing import cast

import typer

from darkroom.cli.client import connected
from darkroom.cli.options import AsJson, DataDir, flags
from darkroom.cli.outcome import Exit, print_json
from darkroom.compose import entry
from darkroom.compose.finding import Finding, Level
from darkroom.domain.errors import NoServer, Refused
from darkroom.domain.model import Json


def doctor(*, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Check this machine; exit 1 on a fault."""
    chosen = flags(data_dir=data_dir)
    findings = [*entry.checkup(chosen), _server(chosen)]
    if as_json:
        print_json(cast("Json", [asdict(finding) for finding in findings]))
    else:
        for finding in findings:
            print(f"{finding.level:<4}  {finding.subject:<12}  {finding.line}")
            if finding.remedy:
                print(f"      {'':<12}  -> {finding.remedy}")
    if any(finding.level is Level.FAIL for finding in findings):
        raise typer.Exit(Exit.FAILED)


def _server(chosen: entry.Flags) -> Finding:
    try:
        with connected(chosen) as api:
            address = api.ready()
    except (NoServer, Refused) as error:
        return Finding(Level.WARN, "server", str(error))
    return Finding(Level.OK, "server", f"ready at {address}")
