"""The local folder keeps what it was given, shows nothing half, and says why it cannot."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from darkroom.blobs.local import PIECE_BYTES, LocalBlobs, location
from darkroom.domain.errors import FileMissing, FilesUnavailable

KEY = "predictions/01h2xcejqtf2nbrexx3vqjhp41/1/0"


@pytest.fixture
async def blobs(tmp_path: Path) -> AsyncIterator[LocalBlobs]:
    made = LocalBlobs(tmp_path / "files")
    yield made
    await made.close()


async def test_what_was_put_is_got(blobs: LocalBlobs) -> None:
    await blobs.put(KEY, b"\x00\xffpicture")
    assert await blobs.get(KEY) == b"\x00\xffpicture"


async def test_a_second_put_of_a_key_changes_nothing(blobs: LocalBlobs) -> None:
    await blobs.put(KEY, b"first")
    await blobs.put(KEY, b"second")
    assert await blobs.get(KEY) == b"first"


async def test_many_puts_at_once_all_arrive(blobs: LocalBlobs) -> None:
    keys = [f"predictions/id{number}/1/0" for number in range(100)]
    await asyncio.gather(*[blobs.put(key, key.encode()) for key in keys])
    assert [await blobs.get(key) for key in keys] == [key.encode() for key in keys]


async def test_keys_that_differ_only_in_their_slashes_are_different_files(
    blobs: LocalBlobs,
) -> None:
    await blobs.put("predictions/a/b.c/0", b"one")
    await blobs.put("predictions/a.b/c/0", b"two")
    assert await blobs.get("predictions/a/b.c/0") == b"one"


async def test_a_part_is_streamed_in_pieces(blobs: LocalBlobs) -> None:
    data = bytes(range(256)) * (PIECE_BYTES // 256 * 2)
    await blobs.put(KEY, data)
    pieces = [piece async for piece in blobs.stream(KEY, start=10, end=len(data) - 10)]
    assert len(pieces) == 2
    assert b"".join(pieces) == data[10:-10]


async def test_what_is_not_there_is_missing(blobs: LocalBlobs) -> None:
    with pytest.raises(FileMissing):
        await blobs.get(KEY)
    with pytest.raises(FileMissing):
        await anext(blobs.stream(KEY, start=0, end=10))


async def test_a_deleted_file_is_missing_and_deleting_again_is_nothing(blobs: LocalBlobs) -> None:
    await blobs.put(KEY, b"data")
    await blobs.delete(KEY)
    await blobs.delete(KEY)
    with pytest.raises(FileMissing):
        await blobs.get(KEY)


async def test_a_flushed_file_is_kept_like_any_other(tmp_path: Path) -> None:
    flushing = LocalBlobs(tmp_path / "flushed", fsync=True)
    await flushing.put(KEY, b"data")
    assert await flushing.get(KEY) == b"data"
    await flushing.close()


async def test_a_folder_that_takes_nothing_is_told_without_its_path(
    blobs: LocalBlobs, tmp_path: Path
) -> None:
    (tmp_path / "files" / "predictions").write_bytes(b"in the way")
    with pytest.raises(FilesUnavailable, match="Not a directory") as told:
        await blobs.put(KEY, b"data")
    assert str(tmp_path) not in str(told.value)


@pytest.mark.parametrize(
    "key", ["", "/etc/passwd", "../x", "predictions/../x", "a//b", "a/.hidden", "a/b\n", "a b"]
)
async def test_what_is_no_key_is_refused(blobs: LocalBlobs, key: str) -> None:
    with pytest.raises(ValueError, match="is not a key"):
        await blobs.get(key)


def test_files_of_one_prediction_lie_in_one_of_many_folders() -> None:
    assert location(KEY) == "predictions/41/01h2xcejqtf2nbrexx3vqjhp41+1+0"
