"""Finished predictions by the million, put into a database by plain SQL, in one transaction.

They are as a picture model leaves them: an input of some 300 bytes, an attempt, a log of two
pieces, one output file; one in twenty has failed. Half belong to the key that the bench asks with,
the rest to nine others. A few more, another owner's, wait to be claimed.
"""

import asyncio
import os
import random
import sqlite3
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import asyncpg

from darkroom.domain.ids import Minter, PredictionId
from darkroom.domain.model import Version
from darkroom.service.catalogue import load_catalogue
from darkroom.store import migrate
from darkroom.store.postgres import prepare

OWNER = "admin"
OTHERS, FAILED = 9, 0.05
WAITING = 300
MODEL = "darkroom/echo-text"
RUN_MS, APART_MS = 1_000, 1_200
_STRIDE = 7_919  # a prime

_SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
_Row: TypeAlias = tuple[str, str, int, str]
_STAGE = (
    "create table stage(id text primary key, owner text not null, at bigint not null,"
    " status text not null)"
)
_INPUT = (
    '\'{"prompt":"a photograph of a lighthouse on a cliff in the evening, long exposure,'
    ' calm sea, \' || id || \'","negative_prompt":"blurry, low quality, text, watermark",'
    '"image":"https://example.org/pictures/\' || id || \'.png","seed":1234,'
    '"num_inference_steps":30,"guidance_scale":7.5,"prompt_strength":0.8}\''
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """A database that was filled; `ids` are the finished predictions of OWNER, the oldest first.

    `place` is the directory of a server, or the address of a PostgreSQL database.
    """

    place: str
    count: int
    ids: Sequence[PredictionId]
    size_bytes: int
    seconds: float


def version() -> Version:
    """The version that all of them ran."""
    return load_catalogue({}).resolve(MODEL)[1]


def some(ids: Sequence[PredictionId], turn: int) -> PredictionId:
    """Another one of *ids* at every turn, far from the last."""
    return ids[turn * _STRIDE % len(ids)]


def _statements() -> list[str]:
    """Move what is staged to its tables; one text for both databases."""
    v = version()
    ended = "status <> 'starting'"

    def once_ended(value: str) -> str:
        return f"case when {ended} then {value} end"

    return [
        "insert into predictions(id, owner, model, version, shape, status, attempt, claimed,"
        " created_at, started_at, completed_at, event_count, output_count, error, metrics)"
        f" select id, owner, '{v.model}', '{v.id}', 'one', status, coalesce({once_ended('1')}, 0),"
        f" 0, at, {once_ended('at + 20')}, {once_ended(f'at + {RUN_MS}')},"
        f" coalesce({once_ended('4')}, 0), coalesce({once_ended('1')}, 0),"
        " case when status = 'failed' then 'out of memory' end,"
        """ '{"image_count":1,"predict_time":0.98}' from stage order by id""",
        f"insert into inputs(prediction_id, input) select id, {_INPUT} from stage order by id",
        "insert into attempts(prediction_id, attempt, worker, incarnation, leased_at, ended_at,"
        f" outcome, run_seconds) select id, 1, 'local-1', 1, at, at + {RUN_MS}, status, 0.98"
        f" from stage where {ended} order by id",
        *(
            "insert into log_lines(prediction_id, n, text, at)"
            f" select id, {n}, 'seed 1234, {n}0%|####      | {n}/30 [00:00<00:01, 31.15it/s]',"
            f" at + 100 from stage where {ended} order by id"
            for n in (1, 2)
        ),
        "insert into items(prediction_id, attempt, place, n, at, store_key, name, content_type,"
        " size_bytes, sha256) select id, 1, 0, 3, at + 900, 'predictions/' || id || '/1/0',"
        f" 'output.png', 'image/png', 250000, '{_SHA256}' from stage where {ended} order by id",
        "drop table stage",
    ]


class _Staged:
    """The finished ones, the last made just now, then those that wait; ids sort in this order."""

    def __init__(self, count: int) -> None:
        self._count = count
        self.ids: list[PredictionId] = []

    def __iter__(self) -> Iterator[_Row]:
        chance = random.Random(self._count)
        made = time.time_ns() // 1_000_000 - self._count * APART_MS
        minter = Minter(lambda: made, os.urandom)
        for _ in range(self._count):
            made += APART_MS
            id_, other = minter.mint(), chance.randrange(2 * OTHERS)
            owner = OWNER if other < OTHERS else f"owner-{other - OTHERS}"
            if owner == OWNER:
                self.ids.append(id_)
            yield id_, owner, made, "failed" if chance.random() < FAILED else "succeeded"
        for _ in range(WAITING):
            yield minter.mint(), "owner-0", made, "starting"


def fill_sqlite(directory: Path, count: int) -> Filled:
    """Make a server's *directory* whose database has *count* finished predictions."""
    began, staged = time.perf_counter(), _Staged(count)
    directory.mkdir(parents=True, mode=0o700)
    path = directory / "darkroom.db"
    connection = sqlite3.connect(path, isolation_level=None)
    for pragma in ("journal_mode = off", "synchronous = off", "cache_size = -400000"):
        connection.execute(f"pragma {pragma}")
    migrate.upgrade(connection)
    connection.execute("begin")
    connection.execute(_STAGE.replace("create table", "create temp table"))
    connection.executemany("insert into stage values (?, ?, ?, ?)", staged)
    for statement in _statements():
        connection.execute(statement)
    connection.execute("commit")
    connection.close()
    return Filled(
        place=str(directory),
        count=count,
        ids=staged.ids,
        size_bytes=path.stat().st_size,
        seconds=time.perf_counter() - began,
    )


def fill_postgres(url: str, count: int) -> Filled:
    """Fill the empty database at *url* with *count* finished predictions."""
    began, staged = time.perf_counter(), _Staged(count)

    async def fill() -> int:
        await prepare(url)
        connection = await asyncpg.connect(url)
        try:
            # Keys that hold by construction are not looked up row by row.
            await connection.execute("set session_replication_role = replica")
            async with connection.transaction():
                await connection.execute(_STAGE.replace(" text", ' text collate "C"'))
                await connection.copy_records_to_table("stage", records=staged)
                for statement in _statements():
                    await connection.execute(statement)
            await connection.execute("vacuum (analyze)")
            await connection.execute("checkpoint")
            return await connection.fetchval("select pg_database_size(current_database())")
        finally:
            await connection.close()

    size = asyncio.run(fill())
    return Filled(
        place=url,
        count=count,
        ids=staged.ids,
        size_bytes=size,
        seconds=time.perf_counter() - began,
    )
