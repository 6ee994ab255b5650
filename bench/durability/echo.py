"""The null model on SQLite, on PostgreSQL, and on two servers that share one PostgreSQL."""

import os
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

from bench import processes
from bench.contenders import darkroom, darkroom_recipe
from bench.durability.postgres import Postgres
from bench.echo import CLIENTS, WARM_SECONDS
from bench.figures import Figure, middle, plain, ratio_at_least, ratio_at_most
from bench.load import press
from bench.picture_bytes import SMALL_BYTES, noise_png
from bench.servers import Running, placed
from bench.spread import file_creation_us, flush_us
from darkroom.service.watch import BEAT_SECONDS

SQLITE, POSTGRES, TWO = "SQLite", "PostgreSQL", "two servers"
FIELD = (SQLITE, POSTGRES, TWO)
POSTGRES_GOAL = 0.7
TWO_GOAL = 1.0
TWO_CPU_GOAL, TWO_CPU_GOAL_MANY_CORES, MANY_CORES = 1.2, 1.5, 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """CPU in ms a prediction: of the servers with their workers, and of PostgreSQL."""

    name: str
    clients: int
    rate: float
    p50_ms: float
    p99_ms: float
    cpu_ms: float
    database_cpu_ms: float
    file_us: float
    flush_us: float


def figures(database: Postgres, rounds: int, seconds: float) -> list[Figure]:
    samples: list[Sample] = []
    for turn in range(rounds):
        for name in FIELD if turn % 2 == 0 else reversed(FIELD):
            print(f"echo, round {turn + 1} of {rounds}: {name}", flush=True)
            samples += _run(name, database, seconds)
    return [
        figure
        for clients in CLIENTS
        for figure in _judged(clients, [one for one in samples if one.clients == clients])
    ]


def _judged(clients: int, samples: Sequence[Sample]) -> list[Figure]:
    def of(name: str, figure: Callable[[Sample], float]) -> float:
        return middle(figure(one) for one in samples if one.name == name)

    found: list[Figure] = []
    pairs = ((POSTGRES, SQLITE, POSTGRES_GOAL), (TWO, POSTGRES, TWO_GOAL))
    hardest = clients == max(CLIENTS)
    for ours, base, goal in pairs:
        label = f"echo, {clients} clients, {ours} against {base}"
        for part, figure, unit in _PARTS:
            value, baseline = of(ours, figure), of(base, figure)
            if part == _RATE:
                judge, bar = ratio_at_least, goal
            else:
                judge, bar = ratio_at_most, _cpu_goal() if (part, ours) == (_CPU, TWO) else None
            found.append(
                judge(
                    f"{label}: {part}",
                    value,
                    unit,
                    baseline=baseline,
                    goal=bar if hardest else None,
                )
            )
    for name in FIELD:
        label = f"echo, {clients} clients, {name}"
        found += [
            plain(f"{label}: {part}", of(name, figure), unit) for part, figure, unit in _BESIDE
        ]
    return found


def _cpu_goal() -> float:
    return TWO_CPU_GOAL_MANY_CORES if (os.cpu_count() or 1) >= MANY_CORES else TWO_CPU_GOAL


def _run(name: str, database: Postgres, seconds: float) -> list[Sample]:
    with ExitStack() as stack:
        servers = list(_started(stack, name, database))
        target = darkroom().target(servers[0].port, noise_png(SMALL_BYTES))
        target = replace(target, also=[server.port for server in servers[1:]])
        samples: list[Sample] = []
        for clients in CLIENTS:
            press(target, clients=clients, seconds=WARM_SECONDS)
            file_us = file_creation_us(servers[0].scratch, SMALL_BYTES)
            flush = flush_us(servers[0].scratch)
            cpu, database_cpu = _cpu(servers), database.cpu_seconds()
            outcome = press(target, clients=clients, seconds=seconds)
            done = len(outcome.latencies)
            samples.append(
                Sample(
                    name=name,
                    clients=clients,
                    rate=outcome.rate,
                    p50_ms=outcome.quantile_ms(0.5),
                    p99_ms=outcome.quantile_ms(0.99),
                    cpu_ms=1e3 * (_cpu(servers) - cpu) / done,
                    database_cpu_ms=1e3 * (database.cpu_seconds() - database_cpu) / done,
                    file_us=file_us,
                    flush_us=flush,
                )
            )
        return samples


def _cpu(servers: Sequence[Running]) -> float:
    return sum(processes.cpu_seconds(server.pid) for server in servers)


def _started(stack: ExitStack, name: str, database: Postgres) -> Iterator[Running]:
    """The servers of one run, on a database of their own; two know of each other."""
    if name == SQLITE:
        yield stack.enter_context(_server("echo-sqlite"))
        return
    url = stack.enter_context(database.database())
    first = stack.enter_context(_server("echo-postgres", url))
    yield first
    if name == TWO:
        yield stack.enter_context(_server("echo-second", url, files=first.scratch / "data/files"))
        time.sleep(BEAT_SECONDS + 1)


@contextmanager
def _server(name: str, url: str | None = None, files: Path | None = None) -> Generator[Running]:
    """One server; with *files* it keeps them where another one does, as on a shared disk."""
    settings = {} if url is None else {"DARKROOM_DATABASE_URL": url}
    with placed(darkroom_recipe(name, **settings)) as place:
        if files is not None:
            data = place.scratch / "data"
            data.mkdir(mode=0o700)
            (data / "files").symlink_to(files.absolute())
        yield place.start()


_RATE, _CPU = "predictions", "CPU a prediction"
_Part: TypeAlias = tuple[str, Callable[[Sample], float], str]
_PARTS: Sequence[_Part] = (
    (_RATE, lambda one: one.rate, "1/s"),
    ("p50", lambda one: one.p50_ms, "ms"),
    ("p99", lambda one: one.p99_ms, "ms"),
    (_CPU, lambda one: one.cpu_ms, "ms"),
)
_BESIDE: Sequence[_Part] = (
    ("CPU of PostgreSQL a prediction", lambda one: one.database_cpu_ms, "ms"),
    ("a file created beside it", lambda one: one.file_us, "µs"),
    ("a flush beside it", lambda one: one.flush_us, "µs"),
)
