"""Hints reach all other servers, together, and again after the connection broke."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import cast

import pytest
from tests.store.acceptances import HOLDER, acceptance
from tests.store.places import Loop, Place, PostgresPlace, postgres_place

from darkroom.domain.ids import ServerId
from darkroom.ports.twins import Hint, News, ServerBeat
from darkroom.store.postgres import PostgresDatabase
from darkroom.store.postgres_hints import PostgresHints
from darkroom.store.predictions import PredictionTables
from darkroom.store.servers import ServerTables


@pytest.fixture
def postgres(postgres_url: str, postgres_loop: Loop) -> Iterator[PostgresPlace]:
    with postgres_place(postgres_loop, postgres_url) as made:
        yield made


@dataclass
class Ear:
    """A server that listens."""

    hints: PostgresHints
    heard: asyncio.Queue[Hint] = field(default_factory=asyncio.Queue[Hint])
    missed: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))

    async def told(self, count: int) -> list[Hint]:
        return [await self.heard.get() for _ in range(count)]


@asynccontextmanager
async def ear(place: PostgresPlace) -> AsyncGenerator[Ear]:
    async with place.opened() as database:
        made = Ear(cast("PostgresDatabase", database).hints())
        made.hints.listen(made.heard.put_nowait, made.missed.release)
        made.hints.start()
        await made.missed.acquire()  # it has begun to listen
        yield made
        await made.hints.close()


async def test_others_hear_and_oneself_does_not(postgres: PostgresPlace) -> None:
    async with ear(postgres) as one, ear(postgres) as other:
        one.hints.tell(Hint(News.ENDED, "p1"))
        one.hints.tell(Hint(News.ENDED, "p1"))
        one.hints.tell(Hint(News.KEYS))
        other.hints.tell(Hint(News.WAITING, "v" * 64))

        assert await other.told(2) == [Hint(News.ENDED, "p1"), Hint(News.KEYS)]
        assert await one.told(1) == [Hint(News.WAITING, "v" * 64)]
        assert one.heard.empty()
        assert other.heard.empty()


async def test_many_hints_go_in_few_messages(postgres: PostgresPlace) -> None:
    told = [Hint(News.CHANGED, f"{number:026}") for number in range(1000)]
    async with ear(postgres) as one, ear(postgres) as other:
        for hint in told:
            one.hints.tell(hint)
        assert await other.told(1000) == told


async def test_what_a_newer_server_tells_is_passed_over(postgres: PostgresPlace) -> None:
    async with ear(postgres) as one:
        postgres.hand().execute("select pg_notify('darkroom', 'zsomething ep1')")
        assert await one.told(1) == [Hint(News.ENDED, "p1")]


@pytest.mark.fault(19)
async def test_a_listener_that_was_cut_off_comes_back_and_says_so(
    postgres: PostgresPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("darkroom.store.postgres_hints.RECONNECT_SECONDS", 0.01)
    cut = (
        "select pg_terminate_backend(pid) from pg_stat_activity"
        " where datname = current_database() and pid <> pg_backend_pid()"
    )
    async with ear(postgres) as one:
        postgres.hand().execute(cut)
        await one.missed.acquire()
        postgres.hand().execute("select pg_notify('darkroom', 'k')")
        assert await one.told(1) == [Hint(News.KEYS)]


async def test_servers_are_known_by_their_beats_and_by_what_they_hold(place: Place) -> None:
    async with place.opened() as database:
        servers, store = ServerTables(database), PredictionTables(database)
        await store.accept(acceptance("p1", holder=HOLDER))
        [unheard] = await servers.known()
        await servers.beat({"default/echo/0": 2.5})
        await servers.beat({"default/echo/0": 2.5})
        [known] = await servers.known()
        [left] = await servers.held_by(known.server)
        await servers.bury(ServerBeat(known.server, 1))
        still = await servers.known()
        await servers.bury(known)

        assert (unheard.beat, known.beat) == (0, 2)
        assert unheard.server == known.server
        assert (left.prediction, left.holder) == ("p1", HOLDER)
        assert still == [known]
        assert await servers.known() == [unheard]
        assert await servers.held_by(ServerId("nobody")) == []
