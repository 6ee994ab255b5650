"""`kill -9` in the middle of a run: how soon something new is accepted, and the run ends after all.

Every kill has a server of its own, because workers that end often are started again later each
time. Servers and PostgreSQL are started again at once, as a supervisor would.
"""

import asyncio
import os
import signal
import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import count

import asyncpg

from bench import processes
from bench.contenders import darkroom_recipe
from bench.durability.asking import POLL_SECONDS, Asking, Unexpected
from bench.durability.postgres import Postgres
from bench.figures import Figure, middle, plain
from bench.picture_bytes import SMALL_BYTES, data_url, noise_png
from bench.servers import Place, placed

RUN_MS = 300
SQLITE, POSTGRES = "SQLite", "PostgreSQL"
HOST, WORKER, SERVER = "host", "worker", "server"
CASES = (
    *((part, name) for part in (HOST, WORKER, SERVER) for name in (SQLITE, POSTGRES)),
    (POSTGRES, POSTGRES),
)
_WORDS = {HOST: "darkroom.runners.host", WORKER: "darkroom worker"}
_LAST_ATTEMPT = (
    "select attempt, leased_at from attempts where prediction_id = {place}"
    " order by attempt desc limit 1"
)
_numbers = count(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Seconds from the kill; `again` is None where the first attempt went on."""

    case: tuple[str, str]
    accepted: float
    again: float | None
    ended: float


def figures(database: Postgres, rounds: int) -> list[Figure]:
    samples: list[Sample] = []
    for turn in range(rounds):
        for case in CASES if turn % 2 == 0 else reversed(CASES):
            print(f"recovery, round {turn + 1} of {rounds}: {case[0]} on {case[1]}", flush=True)
            samples.append(_sample(case, database))
    return [
        figure
        for case in CASES
        for figure in _judged(case, [one for one in samples if one.case == case])
    ]


def _judged(case: tuple[str, str], samples: Sequence[Sample]) -> list[Figure]:
    part, name = case
    label = f"kill -9 of {part}" if part == name else f"kill -9 of a {part}, {name}"
    found = [plain(f"{label}: first new 201", middle(one.accepted for one in samples), "s")]
    again = [one.again for one in samples if one.again is not None]
    if again:
        found.append(plain(f"{label}: run again", middle(again), "s"))
    ended = middle(one.ended for one in samples)
    return [*found, plain(f"{label}: ended, a run of {RUN_MS} ms", ended, "s")]


def _sample(case: tuple[str, str], database: Postgres) -> Sample:
    part, name = case
    with ExitStack() as stack:
        url = stack.enter_context(database.database()) if name == POSTGRES else None
        settings = {} if url is None else {"DARKROOM_DATABASE_URL": url}
        place = stack.enter_context(placed(darkroom_recipe("recovery", **settings)))
        server = place.start()
        asking = Asking(server.port)
        asking.until(_created(asking, ms=0)["id"], "succeeded")  # worker and host are there
        id_ = str(_created(asking, ms=RUN_MS)["id"])
        asking.until(id_, "processing")
        at, began = time.time(), time.perf_counter()
        _kill(part, place, server.pid, database)
        accepted = _accepted(asking) - began
        asking.until(id_, "succeeded")
        ended = time.perf_counter() - began
        attempt, leased_at = _last_attempt(place, url, id_)
        again = leased_at / 1e3 - at if attempt > 1 else None
        asking.close()
        return Sample(case=case, accepted=accepted, again=again, ended=ended)


def _created(asking: Asking, ms: int) -> dict[str, object]:
    """A new prediction; no two requests are the same, so none is taken for a repeated one."""
    picture = data_url(noise_png(SMALL_BYTES))
    input_ = {"image": picture, "prompt": f"picture {next(_numbers)}", "ms": ms}
    return dict(asking.create("darkroom/echo", input_).shown)


def _accepted(asking: Asking) -> float:
    """When the first 201 came, by the performance counter."""
    while True:
        try:
            _created(asking, ms=0)
        except Unexpected:
            time.sleep(POLL_SECONDS)
        else:
            return time.perf_counter()


def _kill(part: str, place: Place, server: int, database: Postgres) -> None:
    """Kill it; what a supervisor would start again is started."""
    kills: dict[str, Callable[[], None]] = {
        SERVER: lambda: _again(place.kill, place.start),
        POSTGRES: lambda: _again(database.cluster.kill, database.cluster.start),
    }
    kill = kills.get(part)
    if kill is not None:
        kill()
        return
    (pid,) = [pid for pid in processes.family(server) if _WORDS[part] in processes.name(pid)]
    os.kill(pid, signal.SIGKILL)


def _again(kill: Callable[[], object], start: Callable[[], object]) -> None:
    kill()
    start()


def _last_attempt(place: Place, url: str | None, id_: str) -> tuple[int, int]:
    """Number of the last attempt and when it was leased, in Unix milliseconds."""
    if url is None:
        path = place.scratch / "data" / "darkroom.db"
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as connection:
            row = connection.execute(_LAST_ATTEMPT.format(place="?"), (id_,)).fetchone()
        connection.close()
        return row

    async def ask() -> tuple[int, int]:
        connection = await asyncpg.connect(url)
        try:
            row = await connection.fetchrow(_LAST_ATTEMPT.format(place="$1"), id_)
            assert row is not None
            return row[0], row[1]
        finally:
            await connection.close()

    return asyncio.run(ask())
