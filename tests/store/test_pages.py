"""A page between two times reads what lies there, and not the owner's whole list."""

import sqlite3
from collections.abc import Awaitable, Callable, Generator
from dataclasses import dataclass, field
from typing import TypeVar

import pytest

from darkroom.domain.ids import Minter, Owner, PredictionId
from darkroom.domain.prediction import Milliseconds
from darkroom.ports.predictions import Page
from darkroom.store import migrate
from darkroom.store.predictions import PredictionTables
from darkroom.store.statements import SQLITE, load
from darkroom.store.transitions.recipe import Transition
from darkroom.store.writer import drive

T = TypeVar("T")
ADA = Owner("ada")
BEGAN, HOUR, COUNT = 1_800_000_000_000, 3_600_000, 4000
TEXTS = load(SQLITE)
_ADD = (
    "insert into predictions(id, owner, model, version, shape, created_at, destination)"
    " values (?, 'ada', 'm/n', 'v', 'one', ?, ?)"
)


@dataclass
class Counted:
    """Satisfies Database; counts how much work reading is, in hundreds of the database's steps."""

    connection: sqlite3.Connection
    steps: int = field(default=0)

    def write(
        self,
        recipe: Callable[[], Transition[T]],
        *,
        patient: bool = False,
        about: str | None = None,
    ) -> Awaitable[T]:
        raise NotImplementedError(patient, about, recipe)

    async def scrub(self) -> None:
        raise NotImplementedError

    async def read(self, transition: Transition[T]) -> T:
        self.connection.set_progress_handler(self._step, 100)
        return drive(self.connection, TEXTS, transition)

    def _step(self) -> int:
        self.steps += 1
        return 0


@pytest.fixture
def database() -> Generator[Counted]:
    """One prediction an hour, the last one just now, and as many trainings."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    migrate.upgrade(connection)
    times = [BEGAN + HOUR * n for n in range(COUNT)]
    for random, destination in ((b"\x01", None), (b"\x02", "ada/x")):
        rows = [(_minted(ms, random), ms, destination) for ms in times]
        connection.executemany(_ADD, rows)
    connection.execute("insert into inputs select id, '{}' from predictions")
    yield Counted(connection)
    connection.close()


def _minted(ms: int, random: bytes) -> PredictionId:
    return Minter(lambda: ms, lambda size: random * size).mint()


def at(hours: int) -> Milliseconds:
    return Milliseconds(BEGAN + HOUR * hours)


@pytest.mark.parametrize("trainings", [False, True])
@pytest.mark.parametrize("upwards", [False, True])
async def test_a_window_costs_what_lies_in_it(
    database: Counted, *, trainings: bool, upwards: bool
) -> None:
    edge = PredictionId("0") if upwards else None
    found = await PredictionTables(database).page(
        ADA,
        Page(
            size=100, after=edge, trainings=trainings, created_from=at(1999), created_until=at(2001)
        ),
    )

    assert [one.created_at for one in found] == [at(2000), at(1999)]
    assert database.steps < 10


@pytest.mark.parametrize("beside", [-300_000, 300_000])
async def test_a_row_that_is_a_little_older_or_younger_than_its_id_is_found(
    database: Counted, beside: int
) -> None:
    database.connection.execute("update predictions set created_at = created_at + ?", (beside,))
    moment = Milliseconds(at(9) + beside)
    window = Page(size=9, created_from=moment, created_until=Milliseconds(moment + 1))
    (found,) = await PredictionTables(database).page(ADA, window)

    assert found.created_at == moment


async def test_an_edge_within_a_window_still_counts(database: Counted) -> None:
    store = PredictionTables(database)
    window = Page(size=9, created_from=at(5), created_until=at(8))
    newest, middle, oldest = await store.page(ADA, window)
    below = Page(size=9, before=newest.id, created_from=at(5), created_until=at(8))
    above = Page(size=9, after=oldest.id, created_from=at(5), created_until=at(8))

    assert await store.page(ADA, below) == [middle, oldest]
    assert await store.page(ADA, above) == [newest, middle]


async def test_times_before_and_after_all_others_are_understood(database: Counted) -> None:
    far = Milliseconds(2**61)
    store = PredictionTables(database)

    assert len(await store.page(ADA, Page(size=9, created_from=at(0), created_until=far))) == 9
    assert await store.page(ADA, Page(size=9, created_until=Milliseconds(0))) == []
    assert await store.page(ADA, Page(size=9, created_from=far)) == []
