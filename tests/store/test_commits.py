"""Whoever asked for a change is told truly what became of it, wherever the connection breaks."""

from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from typing import Literal, TypeAlias, cast

import asyncpg
import pytest
from tests.store.acceptances import acceptance
from tests.store.places import Loop, PostgresPlace, postgres_place

from darkroom.domain.errors import StoreBusy
from darkroom.domain.prediction import Prediction
from darkroom.store.postgres import connect
from darkroom.store.postgres_writer import Connection, PostgresWriter
from darkroom.store.statements import Statements, load
from darkroom.store.transitions import accepting

When: TypeAlias = Literal["before", "after"]


@pytest.fixture
def place(postgres_url: str, postgres_loop: Loop) -> Iterator[PostgresPlace]:
    with postgres_place(postgres_loop, postgres_url) as made:
        yield made


class Breaking:
    """A connection that breaks at the next commit, before or after that has arrived."""

    def __init__(self, connection: Connection, when: When) -> None:
        self._connection = connection
        self._when = when

    def __getattr__(self, name: str) -> object:
        return cast("object", getattr(self._connection, name))

    async def execute(self, text: str) -> str:
        if text != "commit":
            return await self._connection.execute(text)
        if self._when == "after":
            await self._connection.execute(text)
        self._connection.terminate()
        raise asyncpg.ConnectionDoesNotExistError("cut")


@asynccontextmanager
async def writing(
    place: PostgresPlace, *first: When, patience: str = "5s"
) -> AsyncGenerator[PostgresWriter]:
    """A writer whose first connections break, each before or after its commit."""
    breaking = list(first)

    async def connected() -> Connection:
        connection = await connect(place.url)
        await connection.execute(f"set lock_timeout = '{patience}'")
        if not breaking:
            return connection
        return cast("Connection", Breaking(connection, breaking.pop(0)))

    writer = PostgresWriter(connected, Statements(load(place.dialect)))
    yield writer
    await writer.close()


async def accept(writer: PostgresWriter, id_: str) -> Prediction:
    return await writer.write(lambda: accepting.accept(acceptance(id_)))


def there(place: PostgresPlace) -> list[object]:
    return [id_ for (id_,) in place.hand().execute("select id from predictions").fetchall()]


async def test_a_commit_that_never_arrived_is_told_as_refused(place: PostgresPlace) -> None:
    async with writing(place, "before", "before") as writer:
        for id_ in ("p1", "p2"):
            with pytest.raises(StoreBusy):
                await accept(writer, id_)
        await accept(writer, "p3")

    assert there(place) == ["p3"]


async def test_a_commit_whose_answer_got_lost_is_told_as_done(place: PostgresPlace) -> None:
    async with writing(place, "after", "after") as writer:
        accepted = [await accept(writer, id_) for id_ in ("p1", "p2", "p3")]

    assert there(place) == [one.id for one in accepted]


async def test_a_server_that_starts_again_does_not_take_an_old_commit_for_its_own(
    place: PostgresPlace,
) -> None:
    async with writing(place) as writer:
        await accept(writer, "p1")
    async with writing(place, "before") as writer:
        with pytest.raises(StoreBusy):
            await accept(writer, "p2")

    assert there(place) == ["p1"]


async def test_what_waits_is_told_when_no_transaction_can_begin(place: PostgresPlace) -> None:
    async with writing(place, patience="20ms") as writer:
        await accept(writer, "p1")
        hand = place.hand()
        hand.execute("begin")
        hand.execute("update commits set number = number")
        with pytest.raises(StoreBusy, match="lock timeout"):
            await accept(writer, "p2")
        hand.execute("rollback")
        await accept(writer, "p3")

    assert there(place) == ["p1", "p3"]
