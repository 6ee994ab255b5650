"""What may be removed, in which order it is found, and that a removal guards itself."""

from collections.abc import AsyncGenerator

import pytest
from tests.store.acceptances import HOLDER, acceptance
from tests.store.places import Place

from darkroom.domain.ids import Owner, PredictionId
from darkroom.domain.prediction import JsonText, Outcome
from darkroom.ports.files import Described, Digests, UploadId
from darkroom.ports.predictions import Lost
from darkroom.store.database import Database
from darkroom.store.predictions import PredictionTables
from darkroom.store.removals import RemovalTables
from darkroom.store.uploads import UploadTables

ADA = Owner("ada")
P1 = PredictionId("p1")


@pytest.fixture
async def database(place: Place) -> AsyncGenerator[Database]:
    async with place.opened() as opened:
        yield opened


async def test_nothing_is_removed_under_an_open_attempt(database: Database) -> None:
    store, removals = PredictionTables(database), RemovalTables(database)
    await store.accept(acceptance("p1", holder=HOLDER))
    await store.cancel(P1, ADA)
    assert not await removals.remove(P1)
    await store.lose(Lost(prediction=P1, attempt=1, outcome=Outcome.LOST, reason="gone."))

    assert await removals.remove(P1)
    assert not await removals.remove(P1)


async def test_removable_predictions_are_found_behind_one_also_of_the_same_moment(
    database: Database, place: Place
) -> None:
    store, removals = PredictionTables(database), RemovalTables(database)
    for number in range(5):
        id_ = PredictionId(f"p{number}")
        await store.accept(acceptance(id_))
        await store.cancel(id_, ADA)
    hand = place.hand()
    hand.execute("update predictions set completed_at = 1000")
    hand.execute("update predictions set completed_at = 999 where id = 'p4'")
    found = await removals.removable(1, 2)
    found_then = await removals.removable(1, 9, found[-1])

    assert [one.id for one in found] == ["p4", "p0"]
    assert [one.id for one in found_then] == ["p1", "p2", "p3"]


async def test_expired_uploads_are_found_behind_one_that_is_not_there_any_more(
    database: Database,
) -> None:
    uploads = UploadTables(database)
    described = Described(
        name="a",
        content_type="x/y",
        metadata=JsonText("{}"),
        digests=Digests(size_bytes=1, sha256="", md5=""),
    )
    for name in ("u1", "u2", "u3"):
        await uploads.begin(UploadId(name), ADA)
        await uploads.finish(UploadId(name), described, 0)
    (first,) = await uploads.expired(1)
    await uploads.remove(first.id)

    second, third = await uploads.expired(9, first)
    assert (second.id, third.id) == ("u2", "u3")
    assert await uploads.expired(9, second) == [third]
