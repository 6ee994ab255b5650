"""Streams: replay, resume, live events and their form."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import pytest
from tests.support import rig as rigs
from tests.support.hands import PICTURE, failed, succeeded
from tests.support.rig import Rig

from darkroom.domain.errors import StoreBusy
from darkroom.domain.events import Event
from darkroom.domain.ids import PredictionId
from darkroom.protocol.messages import Gave, Said
from darkroom.store.predictions import PredictionTables


def blocks(text: str) -> list[dict[str, str]]:
    """The events of a stream; several data lines are joined by newlines."""
    found: list[dict[str, str]] = []
    for block in text.split("\n\n"):
        fields: dict[str, str] = {}
        for line in block.split("\n"):
            name, _, value = line.partition(": ")
            if name:
                fields[name] = f"{fields[name]}\n{value}" if name in fields else value
        if "event" in fields:
            found.append(fields)
    return found


def stream_url(shown: dict[str, object]) -> str:
    return cast("dict[str, str]", shown["urls"])["stream"]


@pytest.mark.conformance(70, 72)
async def test_a_late_reader_gets_everything_and_the_stream_ends(rig: Rig) -> None:
    rig.worker.join()
    shown = await rig.create()
    (job,) = rig.worker.jobs
    picture = await rig.worker.give_picture(job)
    rig.worker.tell(job, Said("one\r\ntwo\n"), picture, ended=succeeded())
    await rig.settled()
    answer = await rig.client.get(stream_url(shown), headers={"Authorization": ""})

    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.text.startswith(": hi\n\n")
    events = blocks(answer.text)
    assert [one["event"] for one in events] == ["logs", "output", "done"]
    assert [one["id"].rpartition(":")[2] for one in events] == ["1", "2", "3"]
    assert events[0]["data"] == "one\ntwo\n"
    assert events[1]["data"] == (await rig.get(shown["id"]))["output"]
    assert events[2]["data"] == "{}"


@pytest.mark.conformance(70)
async def test_a_reader_resumes_after_the_last_event_it_saw(rig: Rig) -> None:
    rig.worker.join()
    shown = await rig.create(version="darkroom/echo-text", input={"prompt": "a b"})
    rig.worker.tell(
        rig.worker.jobs[0], Gave(0, None, '"a "'), Gave(1, None, '"b\\n\\n"'), ended=succeeded()
    )
    await rig.settled()
    events = blocks((await rig.client.get(stream_url(shown))).text)
    resumed = await rig.client.get(stream_url(shown), headers={"Last-Event-ID": events[0]["id"]})

    assert "/v1/streams/" in stream_url(shown)
    assert [one["data"] for one in events] == ["a ", "b\n\n", "{}"]
    assert blocks(resumed.text) == events[1:]
    assert (await rig.get(shown["id"]))["output"] == ["a ", "b\n\n"]


@pytest.mark.parametrize("number", ["9" * 30, "9" * 5000, "-1", "²", "one"])
async def test_a_number_of_an_event_that_nobody_sent_means_from_the_start(
    rig: Rig, number: str
) -> None:
    shown = await rig.create()
    await rig.client.post(f"/v1/predictions/{shown['id']}/cancel")
    headers = {b"Last-Event-ID": f"0:{number}".encode()}
    answer = await rig.client.get(stream_url(shown), headers=headers)

    assert [one["event"] for one in blocks(answer.text)] == ["done"]


async def test_the_name_of_an_output_is_spelled_for_a_url(rig: Rig) -> None:
    rig.worker.join()
    shown = await rig.create()
    await rig.worker.succeed(rig.worker.jobs[0], name="a b#ü?.png")
    await rig.settled()
    told = blocks((await rig.client.get(stream_url(shown))).text)[0]["data"]

    assert told.endswith("/a%20b%23%C3%BC%3F.png")
    assert told == (await rig.get(shown["id"]))["output"]
    assert (await rig.client.get(told)).content == PICTURE


@pytest.mark.conformance(72)
async def test_a_waiting_reader_hears_events_as_they_come(rig: Rig) -> None:
    rig.worker.join()
    shown = await rig.create()
    reading = asyncio.create_task(rig.client.get(stream_url(shown)))
    await asyncio.sleep(0)
    rig.worker.tell(rig.worker.jobs[0], Said("working\n"))
    await rig.settled()
    rig.worker.tell(rig.worker.jobs[0], ended=failed("out of luck"))
    events = blocks((await reading).text)

    assert [one["event"] for one in events] == ["logs", "error", "done"]
    assert events[1]["data"] == '{"detail":"out of luck"}'
    assert events[2]["data"] == '{"reason":"error"}'


class Away(PredictionTables):
    """Cannot be read for a while, as when PostgreSQL is started anew."""

    refusals = 0

    async def events(self, prediction: PredictionId, after: int) -> Sequence[Event]:
        if self.refusals:
            self.refusals -= 1
            raise StoreBusy("the connection broke")
        return await super().events(prediction, after)


@pytest.mark.fault(19)
async def test_a_reader_waits_until_the_database_answers(tmp_path: Path) -> None:
    async with rigs.rig(tmp_path, store_class=Away) as rig:
        assert isinstance(rig.store, Away)
        rig.worker.join()
        shown = await rig.create()
        await rig.worker.succeed(await rig.worker.job())
        await rig.settled()
        rig.store.refusals = 1
        events = blocks((await rig.client.get(stream_url(shown))).text)

    assert [one["event"] for one in events] == ["output", "done"]


@pytest.mark.conformance(72)
async def test_a_canceled_prediction_ends_its_stream_with_the_reason(rig: Rig) -> None:
    shown = await rig.create()
    await rig.client.post(f"/v1/predictions/{shown['id']}/cancel")
    events = blocks((await rig.client.get(stream_url(shown))).text)

    assert [(one["event"], one["data"]) for one in events] == [("done", '{"reason":"canceled"}')]


async def test_a_forged_token_opens_nothing(rig: Rig) -> None:
    url = stream_url(await rig.create())
    forged = url[:-1] + ("0" if url[-1] != "0" else "4")

    assert (await rig.client.get(forged)).status_code == 404


async def test_a_rerun_streams_only_outputs_not_yet_sent(rig: Rig) -> None:
    rig.worker.join()
    shown = await rig.create(version="darkroom/echo-text", input={"prompt": "a b"})
    rig.worker.tell(rig.worker.jobs[0], Gave(0, None, '"a"'))
    await rig.settled()
    rig.worker.leave()
    await asyncio.sleep(0)
    await rig.settled()
    rig.worker.join(name="second")
    again = await rig.worker.job(1)
    rig.worker.tell(again, Gave(0, None, '"A"'), Gave(1, None, '"B"'), ended=succeeded())
    await rig.settled()
    events = blocks((await rig.client.get(stream_url(shown))).text)

    assert [one["data"] for one in events if one["event"] == "output"] == ["a", "B"]
    assert (await rig.get(shown["id"]))["output"] == ["A", "B"]
