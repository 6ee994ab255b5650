"""A hundred simulated workers of a second each: how long predictions wait, and what that costs.

Predictions come evenly, 80 a second, whether or not the server keeps up. Each waits from the moment
its row is made, by the database's clock, until its job has reached a worker; both clocks are this
machine's.
"""

import asyncio
import json
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from typing import cast

import uvloop

from bench import processes
from bench.contenders import KEY, darkroom_recipe
from bench.durability.asking import Asking, Unexpected
from bench.durability.hands import Fleet, unix_socket
from bench.durability.postgres import Postgres
from bench.figures import Figure, at_most, middle, plain, quantile
from bench.servers import Running, running

WORKERS, RUN_SECONDS, OFFERED = 100, 1.0, 80.0
WAIT_GOAL_MS = 50.0
LAST_SECONDS = 20.0
MODEL = "darkroom/echo-text"
DATABASES = ("SQLite", "PostgreSQL")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Waits in ms, ends in predictions a second, CPU in cores."""

    name: str
    waits: Sequence[float]
    late_ms: float
    done: float
    server_cores: float
    database_cores: float


def figures(database: Postgres, rounds: int, seconds: float) -> list[Figure]:
    samples: list[Sample] = []
    for turn in range(rounds):
        for name in DATABASES if turn % 2 == 0 else reversed(DATABASES):
            print(f"fleet, round {turn + 1} of {rounds}: {name}", flush=True)
            samples.append(_run(name, database, seconds))
    return [
        figure
        for name in DATABASES
        for figure in _judged(name, [one for one in samples if one.name == name])
    ]


def _judged(name: str, samples: Sequence[Sample]) -> list[Figure]:
    label = f"{WORKERS} workers of {RUN_SECONDS:g} s, {OFFERED:g} offered a second, {name}"

    def of(figure: Callable[[Sample], float]) -> float:
        return middle(map(figure, samples))

    found = [
        plain(f"{label}: queue wait p50", of(lambda one: quantile(one.waits, 0.5)), "ms"),
        plain(f"{label}: queue wait p95", of(lambda one: quantile(one.waits, 0.95)), "ms"),
        at_most(
            f"{label}: queue wait p99",
            of(lambda one: quantile(one.waits, 0.99)),
            "ms",
            WAIT_GOAL_MS,
        ),
        plain(f"{label}: requests sent late by, p99", of(lambda one: one.late_ms), "ms"),
        plain(f"{label}: ended", of(lambda one: one.done), "1/s"),
        plain(f"{label}: server", of(lambda one: one.server_cores), "cores"),
    ]
    if name != DATABASES[0]:
        found.append(plain(f"{label}: database", of(lambda one: one.database_cores), "cores"))
    return found


def _run(name: str, database: Postgres, seconds: float) -> Sample:
    with ExitStack() as stack:
        settings = {"DARKROOM_WORKERS": "0"}
        if name != DATABASES[0]:
            settings["DARKROOM_DATABASE_URL"] = stack.enter_context(database.database())
        recipe = darkroom_recipe(f"fleet-{name.lower()}", **settings)
        server = stack.enter_context(running(recipe))
        cpu, database_cpu, began = (
            processes.cpu_seconds(server.pid),
            database.cpu_seconds(),
            time.perf_counter(),
        )
        offer = uvloop.run(_offered(server, seconds))
        took = time.perf_counter() - began
        return Sample(
            name=name,
            waits=offer.waits,
            late_ms=quantile(offer.late, 0.99),
            done=len(offer.waits) / took,
            server_cores=(processes.cpu_seconds(server.pid) - cpu) / took,
            database_cores=(database.cpu_seconds() - database_cpu) / took,
        )


@dataclass(frozen=True, slots=True)
class _Offer:
    """Per prediction, in ms: how long it waited, and how late its request was sent."""

    waits: Sequence[float]
    late: Sequence[float]


async def _offered(server: Running, seconds: float) -> _Offer:
    """Let the fleet in, offer predictions for *seconds*, and wait until all have ended."""
    fleet = Fleet(RUN_SECONDS)
    await fleet.join(unix_socket(server.scratch / "data" / "darkroom.sock"), WORKERS)
    clients = _Clients(server.port)
    loop = asyncio.get_running_loop()
    began, late = loop.time(), list[float]()
    tasks: list[asyncio.Task[tuple[str, float]]] = []
    for number in range(int(OFFERED * seconds)):
        at = began + number / OFFERED
        await asyncio.sleep(max(0.0, at - loop.time()))
        late.append(1e3 * (loop.time() - at))
        tasks.append(asyncio.create_task(clients.create(number)))
    created = dict(await asyncio.gather(*tasks))
    await _all_ended(fleet, len(created))
    clients.close()
    fleet.leave()
    await asyncio.to_thread(_check, server, fleet, list(created))
    return _Offer([1e3 * (fleet.came[id_] - at) for id_, at in created.items()], late)


async def _all_ended(fleet: Fleet, count: int) -> None:
    loop = asyncio.get_running_loop()
    until = loop.time() + LAST_SECONDS
    while fleet.ended < count:
        if loop.time() > until:
            raise Unexpected(f"{fleet.ended} of {count} predictions were run")
        await asyncio.sleep(0.05)


def _check(server: Running, fleet: Fleet, ids: Sequence[str]) -> None:
    """Each prediction was run once, and the last ones are shown as they ended."""
    if fleet.repeated or fleet.ended != len(ids):
        raise Unexpected(f"{len(ids)} predictions, {fleet.ended} runs, {fleet.repeated} repeated")
    asking = Asking(server.port)
    for id_ in ids[-20:]:
        asking.until(id_, "succeeded")


class _Clients:
    """As many kept connections as there are requests at once."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._free: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def create(self, number: int) -> tuple[str, float]:
        """The new prediction's id, and when its row was made, in Unix seconds."""
        body = json.dumps({"input": {"prompt": f"a picture of the number {number}"}}).encode()
        head = (
            f"POST /v1/models/{MODEL}/predictions HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\n"
            f"Authorization: Bearer {KEY}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        ).encode()
        reader, writer = self._free.pop() if self._free else await self._opened()
        writer.write(head + body)
        answer = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = int(answer.partition(b"content-length:")[2].split(b"\r\n")[0])
        told = await reader.readexactly(length)
        self._free.append((reader, writer))
        if answer[9:12] != b"201":
            raise Unexpected(f"{answer!r} {told[:400]!r}")
        shown = cast("dict[str, str]", json.loads(told))
        return shown["id"], datetime.fromisoformat(shown["created_at"]).timestamp()

    async def _opened(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self._port)

    def close(self) -> None:
        for _reader, writer in self._free:
            writer.close()
