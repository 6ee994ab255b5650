"""Bytes that were stored for a prediction go if the prediction does not come to be."""

import asyncio
from collections.abc import Awaitable
from pathlib import Path

import pytest
from tests.support import rig as rigs

from darkroom.blobs.local import LocalBlobs
from darkroom.domain.errors import FilesUnavailable, StoreBusy
from darkroom.domain.ids import Owner, PredictionId
from darkroom.domain.prediction import Prediction
from darkroom.ports.predictions import Acceptance
from darkroom.service.catalogue import load_catalogue
from darkroom.service.own_files import OwnFile
from darkroom.service.spool import Spool
from darkroom.store.predictions import PredictionTables

LONG = f"data:image/png;base64,{'A' * 20_000}"


class Full(PredictionTables):
    """Takes no prediction, as a full disk would not."""

    def accept(self, new: Acceptance) -> Awaitable[Prediction]:  # noqa: ARG002  # of the store
        loop = asyncio.get_running_loop()
        refused: asyncio.Future[Prediction] = loop.create_future()
        loop.call_soon(refused.set_exception, StoreBusy("disk full"))
        return refused


def stored(folder: Path) -> list[Path]:
    return [path for path in (folder / "files").rglob("*") if path.is_file()]


@pytest.mark.parametrize("headers", [{}, {"Prefer": "wait=5"}])
async def test_a_refused_prediction_leaves_no_bytes(
    tmp_path: Path, headers: dict[str, str]
) -> None:
    async with rigs.rig(tmp_path, store_class=Full) as rig:
        body = {"version": "darkroom/echo", "input": {"image": LONG}}
        answer = await rig.client.post("/v1/predictions", json=body, headers=headers)

    assert answer.status_code == 503
    assert stored(tmp_path) == []


async def test_an_accepted_prediction_keeps_its_bytes(tmp_path: Path) -> None:
    async with rigs.rig(tmp_path) as rig:
        await rig.create(input={"image": LONG})

    assert len(stored(tmp_path)) == 1


async def test_where_the_second_file_finds_no_room_the_first_goes(tmp_path: Path) -> None:
    class Narrow(LocalBlobs):
        room = 1

        def put(self, key: str, data: bytes) -> "asyncio.Future[None]":
            if not self.room:
                raise FilesUnavailable("no room")
            self.room -= 1
            return super().put(key, data)

    async def nobodys(_url: str, _owner: Owner, _origin: str | None) -> OwnFile | None:
        return None

    blobs = Narrow(tmp_path / "files")
    spool = Spool(blobs=blobs, own=nobodys, over_bytes=16_000)
    _, version = load_catalogue({}).resolve("flux-kontext-apps/multi-image-kontext-pro")
    values = dict.fromkeys(version.file_inputs, LONG)
    with pytest.raises(FilesUnavailable):
        await spool.take(PredictionId("p1"), Owner("ada"), version, values)
    await blobs.close()

    assert len(version.file_inputs) == 2
    assert stored(tmp_path) == []
