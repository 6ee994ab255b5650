"""From a model's process to somebody's eyes: host, worker, server and HTTP, all of them real."""

import asyncio
import base64
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import httpx2
import pytest
from tests.http.test_stream import stream_url
from tests.support import rig as rigs
from tests.support.rig import Rig
from tests.support.web import serving
from tests.worker.scripted import NoBucket, Pictures, RawDecoder, ReadyWeights, options

from darkroom.http.workers import WorkerDoor
from darkroom.protocol.messages import Answer, Ask
from darkroom.service.catalogue import Catalogue, load_catalogue
from darkroom.worker.client import Worker
from darkroom.worker.folders import run_folder
from darkroom.worker.options import Tools

KIND = "tests.zoo.shows_previews:Runner"
MODEL = "darkroom/echo-text"


def shows_previews(_: object) -> Catalogue:
    """Knows one model, which shows previews."""
    model = load_catalogue({}).model("darkroom", "echo-text")
    versions = [replace(one, kind=KIND) for one in model.versions]
    return Catalogue([replace(model, versions=versions)])


async def no_reply(ask: Ask) -> Answer:
    raise AssertionError(ask)


@asynccontextmanager
async def working(rig: Rig, folder: Path) -> AsyncGenerator[None]:
    """A worker with its host at the door of *rig*'s server."""
    door = WorkerDoor(rig.dispatcher, no_reply, silence_seconds=30)
    await door.open(folder / "s")
    tools = Tools(blobs=rig.blobs, signed=NoBucket(), fetcher=Pictures(), decoder=RawDecoder(),
                  weights=ReadyWeights())  # fmt: skip
    with run_folder(folder / "run", "local-1"):
        worker = Worker(replace(options(folder), slots={KIND: 4}), tools)
        running = asyncio.create_task(worker.run())
        try:
            yield
        finally:
            worker.drain(0)
            await running
            await door.close()


@pytest.fixture
async def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[Rig]:
    monkeypatch.setattr(rigs, "load_catalogue", shows_previews)
    async with rigs.rig(tmp_path) as made, working(made, tmp_path):
        yield made


async def create(rig: Rig, ms: int) -> dict[str, object]:
    return await rig.create(version=MODEL, input={"prompt": "x", "ms": ms})


async def first_preview(url: str) -> dict[str, object]:
    async with (
        httpx2.AsyncClient(trust_env=False) as client,
        client.stream("GET", url) as response,
    ):
        async for line in response.aiter_lines():
            if line.startswith("data: "):
                return json.loads(line.removeprefix("data: "))
    raise AssertionError("it ended without a preview")


async def test_a_picture_comes_from_the_model_to_whoever_looks(rig: Rig) -> None:
    made = await create(rig, 60_000)
    async with serving(rig.app) as (url, _):
        told = await first_preview(f"{url}/p/{made['id']}/previews")
    await rig.client.post(f"/v1/predictions/{made['id']}/cancel")

    assert (told["attempt"], told["width"], told["height"]) == (1, 24, 16)
    assert base64.b64decode(str(told["rgb"]))[:3] == b"\xff\x01\x00"


async def test_a_model_that_nobody_watches_makes_none(rig: Rig) -> None:
    made = await create(rig, 100)
    events = (await rig.client.get(stream_url(made))).text

    assert (await rig.get(made["id"]))["output"] == ["0"]
    assert "preview" not in events
