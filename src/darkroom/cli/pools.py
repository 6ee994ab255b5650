"""`darkroom pools`: what the pools of workers have to do."""

import msgspec
import typer

from darkroom.cli.client import connected, read_as
from darkroom.cli.options import AsJson, DataDir, flags
from darkroom.cli.outcome import print_json, print_table

app = typer.Typer(help="Look at the pools of workers.", no_args_is_help=True)


class _Bounds(msgspec.Struct, frozen=True):
    min: int
    max: int


class _Pool(msgspec.Struct, frozen=True):
    name: str
    waiting: int
    running: int
    busy: list[str]
    wanted: int | None
    bounds: _Bounds | None


class _Pools(msgspec.Struct, frozen=True):
    results: list[_Pool]


@app.command("list")
def list_pools(*, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """List the pools: what waits, what runs, and how many workers are wanted."""
    with connected(flags(data_dir=data_dir)) as api:
        told = api.get(api.administration("/pools"))
    pools = read_as(_Pools, told).results
    if as_json:
        print_json(told)
        return
    rows = [
        (
            pool.name,
            str(pool.waiting),
            str(pool.running),
            str(len(pool.busy)),
            "-" if pool.wanted is None else str(pool.wanted),
            f"{pool.bounds.min} to {pool.bounds.max}" if pool.bounds else "-",
        )
        for pool in pools
    ]
    print_table(("POOL", "WAITING", "RUNNING", "BUSY", "WANTED", "BOUNDS"), rows)
