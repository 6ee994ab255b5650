"""What every file store does: the folder, memory, and buckets of servers that speak S3."""

import asyncio
import hashlib

import pytest
from tests.blobs.stores import Blobs

from darkroom.blobs.objects import PART_BYTES, PIECE_BYTES
from darkroom.domain.errors import FileMissing
from darkroom.ports.buckets import Lying

KEY = "predictions/01h2xcejqtf2nbrexx3vqjhp41/1/0"


async def shelf(blobs: Blobs) -> list[Lying]:
    """Everything on the shelf, page by page."""
    page = await blobs.page(None)
    found = list(page.found)
    while page.next is not None:
        page = await blobs.page(page.next)
        found += page.found
    return found


async def test_what_was_put_is_got(blobs: Blobs) -> None:
    await blobs.put(KEY, b"\x00\xffpicture")
    assert await blobs.get(KEY) == b"\x00\xffpicture"


async def test_an_empty_file_is_a_file(blobs: Blobs) -> None:
    await blobs.put(KEY, b"")
    assert await blobs.get(KEY) == b""


async def test_a_second_put_of_a_key_changes_nothing(blobs: Blobs) -> None:
    await blobs.put(KEY, b"first")
    await blobs.put(KEY, b"second")
    assert await blobs.get(KEY) == b"first"


async def test_many_puts_at_once_all_arrive(blobs: Blobs) -> None:
    keys = [f"predictions/id{number}/1/0" for number in range(50)]
    await asyncio.gather(*[blobs.put(key, key.encode()) for key in keys])
    assert [await blobs.get(key) for key in keys] == [key.encode() for key in keys]


async def test_of_many_puts_of_one_key_one_wins(blobs: Blobs) -> None:
    await asyncio.gather(*[blobs.put(KEY, str(number).encode()) for number in range(10)])
    won = await blobs.get(KEY)
    await blobs.put(KEY, b"late")
    assert await blobs.get(KEY) == won


async def test_keys_that_differ_only_in_their_slashes_are_different_files(blobs: Blobs) -> None:
    await blobs.put("predictions/a/b.c/0", b"one")
    await blobs.put("predictions/a.b/c/0", b"two")
    assert await blobs.get("predictions/a/b.c/0") == b"one"


async def test_a_part_is_streamed_in_pieces(blobs: Blobs) -> None:
    data = bytes(range(256)) * (PIECE_BYTES // 256 * 2)
    await blobs.put(KEY, data)
    pieces = [piece async for piece in blobs.stream(KEY, start=10, end=len(data) - 10)]
    assert len(pieces) >= 2
    assert b"".join(pieces) == data[10:-10]


async def test_what_is_not_there_is_missing(blobs: Blobs) -> None:
    with pytest.raises(FileMissing):
        await blobs.get(KEY)
    with pytest.raises(FileMissing):
        await anext(blobs.stream(KEY, start=0, end=10))


async def test_a_deleted_file_is_missing_and_deleting_again_is_nothing(blobs: Blobs) -> None:
    await blobs.put(KEY, b"data")
    await blobs.delete(KEY)
    await blobs.delete(KEY)
    with pytest.raises(FileMissing):
        await blobs.get(KEY)


@pytest.mark.parametrize(
    "key", ["", "/etc/passwd", "../x", "predictions/../x", "a//b", "a/.hidden", "a/b\n", "a b"]
)
async def test_what_is_no_key_is_refused(blobs: Blobs, key: str) -> None:
    with pytest.raises(ValueError, match="is not a key"):
        await blobs.get(key)
    with pytest.raises(ValueError, match="is not a key"):
        blobs.put(key, b"")


@pytest.mark.parametrize("size", [0, 12, PART_BYTES, 2 * PART_BYTES + 5])
async def test_a_file_written_piece_by_piece_shows_only_when_it_is_whole(
    blobs: Blobs, size: int
) -> None:
    data = bytes(index % 251 for index in range(4096)) * (size // 4096 + 1)
    data = data[:size]
    writer = blobs.writer(KEY)
    for start in range(0, size, 3 * 2**20):
        await writer.add(data[start : start + 3 * 2**20])
    with pytest.raises(FileMissing):
        await blobs.get(KEY)
    digests = await writer.finish()
    await writer.abandon()

    assert await blobs.get(KEY) == data
    assert digests.size_bytes == size
    assert digests.sha256 == hashlib.sha256(data).hexdigest()
    assert digests.md5 == hashlib.md5(data, usedforsecurity=False).hexdigest()


@pytest.mark.parametrize("size", [4, PART_BYTES + 1])
async def test_a_file_given_up_leaves_nothing(blobs: Blobs, size: int) -> None:
    writer = blobs.writer(KEY)
    await writer.add(bytes(size))
    await writer.abandon()
    await writer.add(b"a piece that was on its way")

    assert await shelf(blobs) == []


@pytest.mark.parametrize("size", [4, PART_BYTES + 1])
async def test_of_two_who_write_a_key_the_first_to_finish_wins(blobs: Blobs, size: int) -> None:
    first, second = blobs.writer(KEY), blobs.writer(KEY)
    await second.add(b"s" * size)
    await first.add(b"f" * size)
    await first.finish()
    await second.finish()

    assert await blobs.get(KEY) == b"f" * size


async def test_everything_under_a_prefix_is_deleted_and_nothing_beside_it(blobs: Blobs) -> None:
    own, longer = "predictions/a41", "predictions/aa41"
    for key in (f"{own}/1/0", f"{own}/0/12", f"{own}5/1/0", f"{longer}/1/0"):
        await blobs.put(key, b"data")
    await blobs.writer(f"{own}/2/0").add(b"half")
    await blobs.delete_under(own)
    await blobs.delete_under("predictions/nobody")

    assert {one.key for one in await shelf(blobs)} == {f"{own}5/1/0", f"{longer}/1/0"}


async def test_the_shelf_shows_every_file_of_predictions_once(blobs: Blobs) -> None:
    keys = {f"predictions/id{number:02}/1/{number % 3}" for number in range(30)}
    await asyncio.gather(*[blobs.put(key, b"data") for key in keys])
    await blobs.put("uploads/u1/0", b"data")

    found = await shelf(blobs)
    assert sorted(one.key for one in found) == sorted(keys)
    assert not any(one.half for one in found)


async def test_what_is_discarded_is_gone_and_the_rest_stays(blobs: Blobs) -> None:
    for number in range(3):
        await blobs.put(f"predictions/id0{number}/1/0", b"data")
    found = {one.key: one.name for one in await shelf(blobs)}
    await blobs.discard([found["predictions/id00/1/0"], found["predictions/id02/1/0"]])
    await blobs.discard([])

    assert [one.key for one in await shelf(blobs)] == ["predictions/id01/1/0"]


async def test_a_file_on_the_shelf_tells_its_age(blobs: Blobs) -> None:
    await blobs.put("predictions/id00/1/0", b"data")
    (before,) = await shelf(blobs)
    await blobs.put("predictions/id01/1/0", b"data")
    younger = next(one for one in await shelf(blobs) if one.key == "predictions/id01/1/0")

    assert 0 <= younger.changed_at - before.changed_at < 60_000
    assert before.changed_at > 1_700_000_000_000
