"""The local folder shows nothing half, says why it cannot keep a file, and flushes if asked."""

import asyncio
import hashlib
import os
import resource
from collections.abc import AsyncGenerator, AsyncIterator, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import pytest

from darkroom.blobs.local import PIECE_BYTES, LocalBlobs, location
from darkroom.blobs.reading import Opened
from darkroom.domain.errors import FileMissing, FilesUnavailable

KEY = "predictions/01h2xcejqtf2nbrexx3vqjhp41/1/0"


def opened_below(folder: Path) -> int:
    """How many files in *folder* this process has open."""
    links = [Path(f"/proc/self/fd/{name}") for name in os.listdir("/proc/self/fd")]
    return sum(one.is_symlink() and str(folder) in str(one.readlink()) for one in links)


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.fixture
async def blobs(tmp_path: Path) -> AsyncIterator[LocalBlobs]:
    made = LocalBlobs(tmp_path / "files")
    yield made
    await made.close()


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


async def test_a_file_given_up_leaves_nothing(blobs: LocalBlobs, tmp_path: Path) -> None:
    writer = blobs.writer(KEY)
    await writer.add(b"data")
    await writer.abandon()
    await writer.add(b"a piece that was on its way")

    assert files_in(tmp_path) == []


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


async def test_what_a_crash_left_half_written_is_on_the_shelf_as_such(blobs: LocalBlobs) -> None:
    await blobs.writer(KEY).add(b"half")
    (half,) = (await blobs.page(None)).found
    assert (half.key, half.half) == (KEY, True)

    await blobs.discard([half.name])
    assert (await blobs.page(None)).found == []


async def test_a_shelf_without_files_is_empty(blobs: LocalBlobs) -> None:
    assert (await blobs.page(None)).next is None
    assert (await blobs.page("zz")).found == ()


async def test_a_file_that_is_being_read_is_read_to_its_end_although_it_is_deleted(
    blobs: LocalBlobs,
) -> None:
    data = os.urandom(3 * PIECE_BYTES + 1)
    await blobs.put(KEY, data)
    pieces = blobs.stream(KEY, start=0, end=len(data))
    got = [await anext(pieces)]
    await blobs.delete(KEY)
    got += [piece async for piece in pieces]

    assert b"".join(got) == data


async def test_a_file_that_nobody_reads_any_more_is_closed(
    blobs: LocalBlobs, tmp_path: Path
) -> None:
    await blobs.put(KEY, bytes(3 * PIECE_BYTES))
    pieces = blobs.stream(KEY, start=0, end=3 * PIECE_BYTES)
    await anext(pieces)
    assert opened_below(tmp_path) == 1
    await cast("AsyncGenerator[bytes]", pieces).aclose()
    assert opened_below(tmp_path) == 0


async def test_a_close_while_a_piece_is_read_leaves_nothing_open(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(PIECE_BYTES))
    for _ in range(100):
        opened = Opened(str(path))
        reading = asyncio.ensure_future(asyncio.to_thread(opened.piece, 0, PIECE_BYTES))
        await asyncio.sleep(0)
        opened.close()
        assert await reading in (b"", bytes(PIECE_BYTES))
        assert opened.piece(0, 1) == b""
    assert opened_below(tmp_path) == 0
