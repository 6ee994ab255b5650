"""Uploads and removals in either database: what is kept for a time, and what is left after it."""

from dataclasses import replace

from tests.store.acceptances import ADA, HOLDER, acceptance
from tests.store.places import Place

from darkroom.domain.events import Finished, LogText, Report
from darkroom.domain.ids import Owner, PredictionId
from darkroom.domain.prediction import InputFile, JsonText, Milliseconds, Outcome
from darkroom.ports.files import Described, Digests, UploadId
from darkroom.ports.predictions import Page
from darkroom.store.predictions import PredictionTables
from darkroom.store.removals import RemovalTables
from darkroom.store.requests import RequestTables
from darkroom.store.uploads import UploadTables

P1 = PredictionId("p1")
HOUR_MS = 3_600_000
DESCRIBED = Described(
    name="a.png",
    content_type="image/png",
    digests=Digests(size_bytes=2**33, sha256="5" * 64, md5="3" * 32),
    metadata=JsonText('{"a": 1}'),
)


async def test_an_upload_is_there_once_it_is_whole_and_until_it_expires(place: Place) -> None:
    async with place.opened() as database:
        uploads = UploadTables(database)
        ids = [UploadId(f"u{number}") for number in range(3)]
        for id_ in ids:
            await uploads.begin(id_, ADA)
        assert await uploads.get(ids[0]) is None
        kept = await uploads.finish(ids[0], DESCRIBED, HOUR_MS)
        assert await uploads.finish(ids[0], DESCRIBED, HOUR_MS) is None
        await uploads.finish(ids[1], DESCRIBED, HOUR_MS)

        assert kept is not None
        assert kept == await uploads.get(ids[0])
        assert (kept.size_bytes, kept.metadata) == (2**33, '{"a": 1}')
        assert kept.expires_at - kept.created_at == HOUR_MS
        assert [one.id for one in await uploads.page(ADA, 9, None, None)] == ["u1", "u0"]
        assert [one.id for one in await uploads.page(ADA, 9, ids[1], None)] == ["u0"]
        assert [one.id for one in await uploads.page(ADA, 9, None, ids[0])] == ["u1"]
        assert not await uploads.expire(ids[0], Owner("bob"))
        assert await uploads.expire(ids[0], ADA)
        assert await uploads.get(ids[0]) is None
        place.hand().execute("update uploads set expires_at = 1 where id = 'u2'")
        assert [one.id for one in await uploads.expired(9)] == ["u2", "u0"]
        await uploads.remove(ids[0])
        assert [one.id for one in await uploads.expired(9)] == ["u2"]


async def test_removed_data_is_gone_and_the_prediction_stays(place: Place) -> None:
    spooled = InputFile(
        index=0, path=("image",), key="k", content_type="", size_bytes=1, spooled=True
    )
    async with place.opened() as database:
        store, removals = PredictionTables(database), RemovalTables(database)
        await store.accept(replace(acceptance("p1", holder=HOLDER), input_files=[spooled]))
        await store.report(
            Report(
                prediction=P1,
                attempt=1,
                started=True,
                events=[LogText(text="line\n")],
                finished=Finished(outcome=Outcome.SUCCEEDED, run_seconds=0.25),
            )
        )
        assert await removals.removable(HOUR_MS, 9) == []
        assert not await removals.remove(PredictionId("p2"))
        place.hand().execute("update predictions set completed_at = completed_at - 3600001")
        assert [one.id for one in await removals.removable(HOUR_MS, 9)] == ["p1"]
        assert await removals.remove(P1)
        assert not await removals.remove(P1)
        await removals.scrub()

        left = await store.get(P1)
        assert left is not None
        assert (left.input, left.logs, left.input_files) == ("{}", "", ())
        assert left.data_removed_at is not None
        assert await store.file(P1, 0, 0) is None
        assert await removals.removable(HOUR_MS, 9) == []


async def test_old_idempotency_keys_are_forgotten(place: Place) -> None:
    async with place.opened() as database:
        requests = RequestTables(database)
        await requests.accept_once(acceptance("p1"), "old", "d")
        place.hand().execute("update idempotency_keys set created_at = created_at - 3600001")
        await requests.accept_once(acceptance("p2"), "new", "d")
        await RemovalTables(database).forget_keys(HOUR_MS)
        kept = place.hand().execute("select key from idempotency_keys").fetchall()

        assert kept == [("new",)]


async def test_pages_run_both_ways_and_keep_to_their_owner_and_times(place: Place) -> None:
    async with place.opened() as database:
        store = PredictionTables(database)
        for number in range(5):
            await store.accept(acceptance(f"p{number}"))
        await store.accept(replace(acceptance("p5"), owner=Owner("bob")))
        await store.accept(replace(acceptance("p6"), destination="ada/made"))

        async def ids(page: Page) -> str:
            return "".join(one.id[1] for one in await store.page(ADA, page))

        assert await ids(Page(size=3)) == "432"
        assert await ids(Page(size=3, before=PredictionId("p2"))) == "10"
        assert await ids(Page(size=2, after=PredictionId("p1"))) == "32"
        assert await ids(Page(size=9, trainings=True)) == "6"
        assert await ids(Page(size=9, created_from=Milliseconds(2**60))) == ""
        assert await ids(Page(size=9, created_until=Milliseconds(1))) == ""


async def test_a_deadline_and_a_cancel_end_a_prediction_once(place: Place) -> None:
    async with place.opened() as database:
        store = PredictionTables(database)
        await store.accept(replace(acceptance("p1"), cancel_after_ms=0))
        await store.accept(replace(acceptance("p2"), cancel_after_ms=HOUR_MS))
        [ended] = await store.expire(9)
        canceled = await store.cancel(PredictionId("p2"), None)

        assert (ended.id, ended.status) == ("p1", "aborted")
        assert canceled is not None
        assert await store.cancel(PredictionId("p2"), Owner("bob")) is None
        assert await store.expire(9) == []
        assert await store.waiting() == []
