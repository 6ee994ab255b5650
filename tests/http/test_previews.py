"""Previews over HTTP: who may look, in which form, and where they are not."""

import asyncio
import re
from base64 import b64decode
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest
from tests.http.test_stream import blocks, stream_url
from tests.support import rig as rigs
from tests.support.hands import succeeded
from tests.support.limits import Limits
from tests.support.rig import KEY, Rig
from tests.support.web import serving

from darkroom.domain.ids import PredictionId
from darkroom.http.previews import PreviewRoutes
from darkroom.http.stream import GREETING, STILL_HERE
from darkroom.http.workers import heed
from darkroom.protocol.messages import Job, Preview, Said, Watch

KEYED = {"Authorization": f"Bearer {KEY}"}
PIXELS = bytes(range(12))


def show(rig: Rig, job: Job) -> None:
    heed(rig.dispatcher, rig.worker.seat, Preview(job.id, job.attempt, 2, 2, PIXELS))


async def heard(rig: Rig, wanted: Sequence[bool]) -> None:
    """Wait until the worker has heard that somebody looks, or nobody does, in this order."""
    while [one.wanted for one in rig.worker.sent if isinstance(one, Watch)] != wanted:
        rig.worker.came.clear()
        await rig.worker.came.wait()


async def watched(rig: Rig) -> None:
    """Wait until the worker has heard that somebody looks."""
    await heard(rig, [True])


@asynccontextmanager
async def reading(url: str, **headers: str) -> AsyncGenerator[httpx2.Response]:
    async with (
        httpx2.AsyncClient(trust_env=False) as client,
        client.stream("GET", url, headers=headers) as response,
    ):
        yield response


async def events_of(url: str, **headers: str) -> tuple[int, list[dict[str, str]]]:
    async with reading(url, **headers) as response:
        return response.status_code, blocks((await response.aread()).decode())


@pytest.mark.parametrize(("place", "headers"), [("api/predictions", KEYED), ("p", {})])
async def test_a_looker_sees_pictures_as_they_come_and_the_end(
    rig: Rig, place: str, headers: dict[str, str]
) -> None:
    rig.worker.join()
    made = await rig.create()
    job = await rig.worker.job()
    async with serving(rig.app) as (url, _):
        looking = asyncio.create_task(events_of(f"{url}/{place}/{made['id']}/previews", **headers))
        await watched(rig)
        show(rig, job)
        await asyncio.sleep(0)
        await rig.worker.succeed(job)
        status, events = await looking

    assert status == 200
    assert [one["event"] for one in events] == ["preview", "done"]
    told = httpx2.Response(200, text=events[0]["data"]).json()
    assert (told["attempt"], told["width"], told["height"]) == (1, 2, 2)
    assert b64decode(told["rgb"]) == PIXELS


async def test_a_looker_who_leaves_is_told_to_the_worker(rig: Rig) -> None:
    rig.worker.join()
    made = await rig.create()
    await rig.worker.job()
    async with serving(rig.app) as (url, _):
        async with reading(f"{url}/p/{made['id']}/previews") as response:
            assert response.headers["content-type"].startswith("text/event-stream")
            await watched(rig)
        await heard(rig, [True, False])


async def test_what_has_ended_is_done_at_once(rig: Rig) -> None:
    made = await rig.create()
    await rig.client.post(f"/v1/predictions/{made['id']}/cancel")
    for path in (f"/api/predictions/{made['id']}/previews", f"/p/{made['id']}/previews"):
        answer = await rig.client.get(path)

        assert answer.text == ": hi\n\nevent: done\ndata: {}\n\n"
        assert answer.headers.get_list("cache-control") == ["no-store"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "access-control-allow-origin" not in answer.headers


async def test_a_key_opens_its_owners_previews_alone(rig: Rig) -> None:
    made = await rig.create()
    path = f"/api/predictions/{made['id']}/previews"
    other = {"Authorization": f"Bearer {await rig.key_of('somebody')}"}

    assert (await rig.client.get(path, headers=other)).status_code == 404
    assert (await rig.client.get(path, headers={"Authorization": ""})).status_code == 401
    assert (await rig.client.get("/api/predictions/unknown/previews")).status_code == 404
    assert (await rig.client.get("/p/unknown/previews")).status_code == 404


async def test_an_administrator_looks_at_anybodys(rig: Rig) -> None:
    other = {"Authorization": f"Bearer {await rig.key_of('somebody')}"}
    made = await rig.create_with(other)
    await rig.client.post(f"/v1/predictions/{made['id']}/cancel", headers=other)

    answer = await rig.client.get(f"/api/predictions/{made['id']}/previews")
    assert answer.status_code == 200


async def test_private_pages_show_no_previews_but_a_key_does(tmp_path: Path) -> None:
    async with rigs.rig(tmp_path, private=True) as rig:
        made = await rig.create()
        await rig.client.post(f"/v1/predictions/{made['id']}/cancel")

        assert (await rig.client.get(f"/p/{made['id']}/previews")).status_code == 404
        assert (await rig.client.get(f"/api/predictions/{made['id']}/previews")).status_code == 200


async def test_lookers_count_as_streams(tmp_path: Path) -> None:
    async with rigs.rig(tmp_path, limits=Limits(streams=1)) as rig:
        made = await rig.create()
        path = f"/p/{made['id']}/previews"
        async with serving(rig.app) as (url, _):
            async with reading(url + path) as response:
                assert response.status_code == 200
                assert (await rig.client.get(path)).status_code == 429
            await rig.client.post(f"/v1/predictions/{made['id']}/cancel")
        assert (await rig.client.get(path)).status_code == 200


async def test_a_silent_stream_says_that_it_is_still_there(rig: Rig) -> None:
    made = await rig.create()
    routes = PreviewRoutes(predictions=rig.predictions, private=False, idle_seconds=0.01)
    lines = routes.lines(PredictionId(str(made["id"])))

    assert [await anext(lines) for _ in range(3)] == [GREETING, STILL_HERE, STILL_HERE]
    await lines.aclose()


async def test_the_streams_of_other_clients_are_the_same_whether_somebody_looks(rig: Rig) -> None:
    rig.worker.join()
    texts: list[str] = []
    for number in range(2):
        made = await rig.create()
        job = await rig.worker.job(number)
        async with serving(rig.app) as (url, _):
            following = asyncio.create_task(rig.client.get(stream_url(made)))
            if number:
                async with reading(f"{url}/p/{made['id']}/previews"):
                    await watched(rig)
                    for _ in range(20):
                        show(rig, job)
            rig.worker.tell(job, Said("working\n"))
            rig.worker.tell(job, ended=succeeded())
            text = (await following).text
        texts.append(re.sub(r"id: \d+:", "id: ", text))

    assert texts[0] == texts[1]
    assert "preview" not in texts[1]


async def test_to_ask_whether_there_are_previews_is_no_look(rig: Rig) -> None:
    rig.worker.join()
    made = await rig.create()
    for place in (f"/p/{made['id']}/previews", stream_url(made)):
        answer = await rig.client.head(place)

        assert (answer.status_code, answer.content) == (200, b"")
        assert answer.headers["content-type"].startswith("text/event-stream")
    assert not any(isinstance(one, Watch) for one in rig.worker.sent)
