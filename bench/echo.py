"""The null model at 1, 8 and 64 clients: ours beside the peers and beside our own hop."""

from collections.abc import Sequence
from dataclasses import dataclass

from bench import processes
from bench.contenders import Contender
from bench.load import Stalled, press
from bench.picture_bytes import BIG_BYTES, SMALL_BYTES, noise_png
from bench.servers import SCRATCH, Running, running
from bench.spread import file_creation_us

CLIENTS = (1, 8, 64)
BIG_CLIENTS = 8
WARM_SECONDS = 1.0
TRIES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """One way to press a server."""

    clients: int
    picture_bytes: int


LOADS = (
    *(Load(clients=clients, picture_bytes=SMALL_BYTES) for clients in CLIENTS),
    Load(clients=BIG_CLIENTS, picture_bytes=BIG_BYTES),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What one run of a load on a server gave. Memory is in MB, `file_us` in µs a file."""

    contender: str
    load: Load
    rate: float
    p50_ms: float
    p99_ms: float
    cpu_ms: float
    refused_share: float
    memory_mb: float
    server_mb: float
    file_us: float


def rounds(contenders: Sequence[Contender], count: int, seconds: float) -> list[Sample]:
    """Every load on every server, one server at a time, every second round in reverse."""
    samples: list[Sample] = []
    for turn in range(count):
        order = contenders if turn % 2 == 0 else tuple(reversed(contenders))
        for contender in order:
            print(f"round {turn + 1} of {count}: {contender.name}", flush=True)
            samples += _patiently(contender, seconds)
    return samples


def generator_cost_us(contender: Contender, seconds: float) -> float:
    """CPU of this load generator per request, in µs, against a server that does nothing."""
    with running(contender.recipe) as server:
        outcome = press(
            contender.target(server.port, noise_png(SMALL_BYTES)), clients=64, seconds=seconds
        )
    return 1e6 * outcome.own_cpu_seconds / len(outcome.latencies)


def _patiently(contender: Contender, seconds: float) -> list[Sample]:
    """Run all loads; a server that hangs is started again (Cog's does, now and then)."""
    for left in reversed(range(TRIES)):
        try:
            with running(contender.recipe) as server:
                return [_sample(contender, server, load, seconds) for load in LOADS]
        except Stalled as error:
            print(f"{contender.name}: {error}; {left} tries left", flush=True)
    raise Stalled(f"{contender.name} hung in {TRIES} starts; see {SCRATCH}/{contender.name}.log")


def _sample(contender: Contender, server: Running, load: Load, seconds: float) -> Sample:
    target = contender.target(server.port, noise_png(load.picture_bytes))
    press(target, clients=load.clients, seconds=WARM_SECONDS)
    file_us = file_creation_us(server.scratch, load.picture_bytes)
    cpu = processes.cpu_seconds(server.pid)
    outcome = press(target, clients=load.clients, seconds=seconds)
    cpu = processes.cpu_seconds(server.pid) - cpu
    done = len(outcome.latencies)
    return Sample(
        contender=contender.name,
        load=load,
        rate=outcome.rate,
        p50_ms=outcome.quantile_ms(0.5),
        p99_ms=outcome.quantile_ms(0.99),
        cpu_ms=1e3 * cpu / done,
        refused_share=outcome.refused / (outcome.refused + done),
        memory_mb=processes.memory_mb(server.pid),
        server_mb=processes.resident_mb(server.pid),
        file_us=file_us,
    )
