"""Uploads whose time is over go, each for itself."""

from pathlib import Path

from tests.support import rig as rigs

from darkroom.domain.ids import Owner
from darkroom.domain.prediction import JsonText
from darkroom.ports.files import Upload
from darkroom.service.rounds import AGAIN_SECONDS
from darkroom.service.uploads import Uploads


async def uploaded(uploads: Uploads) -> Upload:
    async with uploads.arriving(Owner("ada")) as arriving:
        await arriving.add(b"bytes")
        return await arriving.keep(name="a", content_type="text/plain", metadata=JsonText("{}"))


def blocked(folder: Path, upload: Upload) -> Path:
    """Put something in the way of the end of an upload's bytes."""
    (place,) = folder.glob(f"files/uploads/*/{upload.id}+0")
    place.unlink()
    place.mkdir()
    return place


async def test_an_upload_that_cannot_be_deleted_keeps_nobody_elses(tmp_path: Path) -> None:
    async with rigs.rig(tmp_path) as rig:
        stuck, _free = [await uploaded(rig.uploads) for _ in range(2)]
        way = blocked(tmp_path, stuck)
        await rig.pass_hours(24)
        assert await rig.uploads.remove_expired(9) == (1, False)
        way.rmdir()
        rig.clock.forward(AGAIN_SECONDS)
        assert [(await rig.uploads.remove_expired(9))[0] for _ in range(3)] == [0, 1, 0]
