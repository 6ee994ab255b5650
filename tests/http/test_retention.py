"""What is gone after the retention time, what stays, and that a crash in between does no harm."""

import sqlite3
from typing import cast

import pytest
from tests.http.test_stream import blocks, stream_url
from tests.http.test_uploads import CONTENT, address, gone, stored, uploaded
from tests.support.hands import PICTURE, failed
from tests.support.pictures import data_url
from tests.support.rig import Rig

from darkroom.domain.errors import FileMissing
from darkroom.domain.ids import Owner, PredictionId
from darkroom.protocol.messages import Said
from darkroom.service.retention import AT_ONCE, SCRUB_SECONDS, Retention
from darkroom.service.rounds import AGAIN_SECONDS

CANARY = b"a-canary-that-nobody-else-has"
SPOOLED = data_url(PICTURE + CANARY * 1000)


async def ended(rig: Rig, **extra: object) -> dict[str, object]:
    """An echo prediction with input, log and a picture, all of which hold a canary."""
    if rig.worker.seat is None:
        rig.worker.join()
    sent = {"input": {"image": SPOOLED, "prompt": CANARY.decode()}, **extra}
    shown = await rig.create(**sent)
    job = await rig.worker.job(len(rig.worker.jobs) - 1)
    rig.worker.tell(job, Said(f"{CANARY.decode()}\n"))
    await rig.worker.succeed(job, data=PICTURE + CANARY)
    await rig.settled()
    return await rig.get(shown["id"])


def found_on_disk(rig: Rig) -> list[str]:
    """Files of the server that hold the canary or are a picture's."""
    return [
        str(path.relative_to(rig.folder))
        for path in rig.folder.rglob("*")
        if path.is_file() and (CANARY in (data := path.read_bytes()) or PICTURE in data)
    ]


@pytest.mark.conformance(66)
async def test_after_the_retention_time_only_the_bare_facts_are_left(rig: Rig) -> None:
    before = await ended(rig, webhook="https://hooks.test/x")
    await rig.pass_hours(24)
    aged = await rig.get(before["id"])
    await rig.retention.once()
    after = await rig.get(before["id"])

    changed: dict[str, object] = {"data_removed": True, "input": {}, "output": None, "logs": ""}
    assert after == {**aged, **changed}
    assert {before["data_removed"], aged["data_removed"]} == {False}
    assert (after["status"], after["webhook"]) == ("succeeded", "https://hooks.test/x")
    assert cast("dict[str, float]", after["metrics"])["predict_time"] == 0.25
    assert (await rig.client.get(str(before["output"]))).status_code == 404
    assert (await rig.listed())[0] == after


async def test_an_error_stays(rig: Rig) -> None:
    rig.worker.join()
    shown = await rig.create()
    rig.worker.tell(rig.worker.jobs[0], ended=failed("no such picture"))
    await rig.settled()
    await rig.pass_hours(24)
    await rig.retention.once()
    after = await rig.get(shown["id"])

    assert (after["error"], after["status"]) == ("no such picture", "failed")
    events = blocks((await rig.client.get(stream_url(shown))).text)
    assert [one["event"] for one in events] == ["error", "done"]


@pytest.mark.conformance(74)
async def test_the_stream_of_removed_data_says_that_it_is_over(rig: Rig) -> None:
    shown = await ended(rig)
    await rig.pass_hours(24)
    await rig.retention.once()
    for after in ({}, {"Last-Event-ID": "1:1"}):
        events = blocks((await rig.client.get(stream_url(shown), headers=after)).text)
        assert [(one["event"], one["data"]) for one in events] == [("done", "{}")]


async def test_no_byte_of_it_is_left_on_the_disk(rig: Rig) -> None:
    await ended(rig)
    await uploaded(rig, CONTENT, ('name="metadata[x]"', CANARY))
    assert len(found_on_disk(rig)) >= 4  # input, output, upload, database
    await rig.pass_hours(24)
    await rig.retention.once()

    assert found_on_disk(rig) == []


async def test_bytes_of_later_removals_are_gone_within_a_minute(rig: Rig) -> None:
    for _ in range(2):
        await ended(rig)
        await rig.pass_hours(24)
        await rig.retention.once()
    assert all(name.startswith("darkroom.db") for name in found_on_disk(rig))
    rig.clock.forward(SCRUB_SECONDS)
    await rig.retention.once()

    assert found_on_disk(rig) == []


async def test_what_lost_attempts_left_is_removed_too(rig: Rig) -> None:
    rig.worker.join()
    shown = await rig.create()
    await rig.worker.give_picture(await rig.worker.job(), data=CANARY)  # and never tell of it
    rig.worker.leave()
    await rig.settled()
    rig.worker.join()
    await rig.worker.succeed(await rig.worker.job(1))
    await rig.settled()
    await rig.pass_hours(24)
    await rig.retention.once()

    assert (await rig.get(shown["id"]))["data_removed"] is True
    assert stored(rig) == []


async def test_what_is_younger_or_has_not_ended_stays(rig: Rig) -> None:
    young = await ended(rig)
    running = await rig.create()
    await rig.pass_hours(23.9)
    await rig.retention.once()

    assert (await rig.get(young["id"]))["output"] == young["output"]
    assert (await rig.get(running["id"]))["input"] == running["input"]


async def test_a_canceled_run_keeps_its_data_until_its_worker_has_stopped(rig: Rig) -> None:
    rig.worker.join()
    shown = await rig.create()
    await rig.client.post(f"/v1/predictions/{shown['id']}/cancel")
    await rig.pass_hours(24)
    await rig.retention.once()
    assert (await rig.get(shown["id"]))["data_removed"] is False
    rig.worker.leave()
    await rig.settled()
    await rig.retention.once()

    assert (await rig.get(shown["id"]))["data_removed"] is True


async def test_zero_keeps_for_ever(rig: Rig) -> None:
    shown = await ended(rig)
    await rig.pass_hours(1_000_000)
    for_ever = Retention(
        store=rig.removals, blobs=rig.blobs, uploads=rig.uploads, clock=rig.clock, keep_ms=None
    )
    await for_ever.once()

    assert (await rig.get(shown["id"]))["output"] == shown["output"]


async def test_a_crash_between_files_and_row_is_made_good(rig: Rig) -> None:
    shown = await ended(rig)
    await rig.pass_hours(24)
    await rig.blobs.delete_under(f"predictions/{shown['id']}")
    assert (await rig.client.get(str(shown["output"]))).status_code == 404
    await rig.retention.once()

    assert (await rig.get(shown["id"]))["data_removed"] is True


async def test_removing_twice_changes_nothing(rig: Rig) -> None:
    shown = await ended(rig)
    await rig.pass_hours(24)
    assert [one.id for one in await rig.removals.removable(1, 9)] == [shown["id"]]
    await rig.retention.once()
    after = await rig.get(shown["id"])

    assert not await rig.removals.remove(PredictionId(str(shown["id"])))
    assert await rig.removals.removable(1, 9) == []
    assert await rig.get(shown["id"]) == after


async def test_a_file_that_cannot_be_deleted_keeps_its_row_and_nobody_elses(rig: Rig) -> None:
    stuck, free = await ended(rig), await ended(rig)
    (picture,) = [
        path for path in stored(rig) if path.name == f"{stuck['id']}+1+0"
    ]  # a file with something in the way of its end
    picture.unlink()
    picture.mkdir()
    await rig.pass_hours(24)
    await rig.retention.once()
    assert (await rig.get(stuck["id"]))["data_removed"] is False
    assert (await rig.get(free["id"]))["data_removed"] is True
    picture.rmdir()
    rig.clock.forward(AGAIN_SECONDS)
    for _ in range(2):  # the one ends a round, the other begins the next
        await rig.retention.once()

    assert (await rig.get(stuck["id"]))["data_removed"] is True


async def test_much_is_removed_in_batches(rig: Rig) -> None:
    rig.worker.join()
    for _ in range(AT_ONCE + 1):
        shown = await rig.create()
        await rig.client.post(f"/v1/predictions/{shown['id']}/cancel")
    rig.worker.leave()
    await rig.settled()
    await rig.pass_hours(24)

    assert [await rig.retention.once() for _ in range(2)] == [True, False]
    assert await rig.removals.removable(1, 999) == []


async def test_a_webhook_that_waits_is_kept_and_its_old_answers_are_not(rig: Rig) -> None:
    shown = await ended(rig, webhook="https://hooks.test/x")
    await rig.pass_hours(24)
    database = sqlite3.connect(rig.folder / "darkroom.db", isolation_level=None)
    try_ = (shown["id"], 1, 1, 0, 500, 0.1, "error", CANARY.decode())
    database.execute("insert into delivery_tries values (?, ?, ?, ?, ?, ?, ?, ?)", try_)
    await rig.retention.once()
    told = database.execute("select status, answer from delivery_tries").fetchall()
    waiting = database.execute("select count(*) from deliveries where state = 'pending'").fetchone()
    database.close()

    assert told == [(500, None)]
    assert waiting[0] > 0


async def test_an_upload_whose_time_is_over_is_removed(rig: Rig) -> None:
    await uploaded(rig, CONTENT)
    kept = await uploaded(rig, CONTENT)
    await rig.pass_hours(23.9)
    await rig.retention.once()
    assert len(stored(rig)) == 2
    await rig.client.delete(address(kept))
    await rig.pass_hours(0.2)
    await rig.retention.once()

    assert stored(rig) == []


async def test_a_run_whose_upload_has_gone_meanwhile_finds_no_bytes(rig: Rig) -> None:
    url = address(await uploaded(rig, CONTENT))
    await rig.create(input={"image": url})
    await rig.pass_hours(24)
    await rig.retention.once()
    rig.worker.join()
    job = await rig.worker.job()

    with pytest.raises(FileMissing, match="not stored here"):
        await rig.blobs.get(job.files[0].key)


async def test_an_upload_that_a_crash_cut_off_is_removed(rig: Rig) -> None:
    upload = rig.uploads.arriving(Owner("admin"))
    arriving = await upload.__aenter__()
    await arriving.add(bytes(2**20))  # and then the server dies
    assert len(stored(rig)) == 1
    await rig.pass_hours(0.25)
    await rig.retention.once()

    assert stored(rig) == []


async def test_an_upload_whose_file_was_deleted_before_a_crash_is_removed(rig: Rig) -> None:
    shown = await uploaded(rig, CONTENT)
    await rig.blobs.delete_under(f"uploads/{shown['id']}")
    await rig.pass_hours(24)
    await rig.retention.once()

    assert gone(await rig.client.get(address(shown)))
    assert not await rig.retention.once()


async def test_idempotency_keys_are_forgotten_after_a_day(rig: Rig) -> None:
    shown = await ended(rig)
    database = sqlite3.connect(rig.folder / "darkroom.db", isolation_level=None)
    now = database.execute("select created_at from predictions").fetchone()[0]
    for name, hours in (("old", 25), ("new", 1)):
        key = ("admin", name, "digest", shown["id"], now - hours * 3_600_000)
        database.execute("insert into idempotency_keys values (?, ?, ?, ?, ?)", key)
    await rig.retention.once()
    left = database.execute("select key from idempotency_keys").fetchall()
    database.close()

    assert left == [("new",)]
