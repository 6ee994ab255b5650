"""The local folder keeps what it was given, shows nothing half, and says why it cannot."""

import asyncio
import hashlib
import resource
from collections.abc import AsyncIterator, Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from darkroom.blobs.local import PIECE_BYTES, LocalBlobs, location
from darkroom.domain.errors import FileMissing, FilesUnavailable

KEY = "predictions/01h2xcejqtf2nbrexx3vqjhp41/1/0"


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


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


async def test_a_file_written_piece_by_piece_shows_only_when_it_is_whole(
    blobs: LocalBlobs, tmp_path: Path
) -> None:
    writer = blobs.writer(KEY)
    for piece in (b"first ", b"second"):
        await writer.add(piece)
    with pytest.raises(FileMissing):
        await blobs.get(KEY)
    digests = await writer.finish()
    await writer.abandon()

    assert await blobs.get(KEY) == b"first second"
    assert digests.size_bytes == 12
    assert digests.sha256 == hashlib.sha256(b"first second").hexdigest()
    assert digests.md5 == hashlib.md5(b"first second", usedforsecurity=False).hexdigest()
    assert len(files_in(tmp_path)) == 1


async def test_an_empty_file_may_be_written(blobs: LocalBlobs) -> None:
    assert (await blobs.writer(KEY).finish()).size_bytes == 0
    assert await blobs.get(KEY) == b""


async def test_a_file_given_up_leaves_nothing(blobs: LocalBlobs, tmp_path: Path) -> None:
    writer = blobs.writer(KEY)
    await writer.add(b"data")
    await writer.abandon()
    await writer.add(b"a piece that was on its way")

    assert files_in(tmp_path) == []


async def test_of_two_who_write_a_key_the_first_to_finish_wins(blobs: LocalBlobs) -> None:
    first, second = blobs.writer(KEY), blobs.writer(KEY)
    await second.add(b"second")
    await first.add(b"first")
    await first.finish()
    await second.finish()

    assert await blobs.get(KEY) == b"first"


async def test_a_folder_that_takes_no_pieces_is_told(blobs: LocalBlobs, tmp_path: Path) -> None:
    (tmp_path / "files" / "predictions").write_bytes(b"in the way")
    with pytest.raises(FilesUnavailable, match="Not a directory"):
        await blobs.writer(KEY).add(b"data")


@contextmanager
def full_after(size_bytes: int) -> Generator[None]:
    """A disk on which no file grows beyond so much."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("fsync", [False, True])
async def test_a_disk_that_fills_up_keeps_no_half_of_a_file(tmp_path: Path, *, fsync: bool) -> None:
    blobs = LocalBlobs(tmp_path / "files", fsync=fsync)
    writer = blobs.writer(KEY)
    with full_after(1000):
        with pytest.raises(FilesUnavailable, match="File too large"):
            await blobs.put(KEY, bytes(2000))
        assert files_in(tmp_path) == []
        await writer.add(bytes(900))
        with pytest.raises(FilesUnavailable, match="File too large"):
            await writer.add(bytes(900))
        await writer.abandon()
    await blobs.close()

    assert files_in(tmp_path) == []


async def test_everything_under_a_prefix_is_deleted_and_nothing_beside_it(
    blobs: LocalBlobs, tmp_path: Path
) -> None:
    own, longer = "predictions/a41", "predictions/aa41"  # both lie in one folder
    for key in (f"{own}/1/0", f"{own}/0/12", f"{longer}/1/0"):
        await blobs.put(key, b"data")
    await blobs.writer(f"{own}/2/0").add(b"half")
    await blobs.delete_under(own)

    assert await blobs.get(f"{longer}/1/0") == b"data"
    assert len(files_in(tmp_path)) == 1
    await blobs.delete_under("predictions/nobody")
