"""A worker without the file store: outputs go to signed addresses, inputs come from them."""

import asyncio
import hashlib
from pathlib import Path

import pytest
from tests.worker.scripted import rig, spec

from darkroom.domain.errors import FileMissing, FilesUnavailable
from darkroom.ports.buckets import SignedFiles
from darkroom.protocol.messages import FileRef, Granted, Wants
from darkroom.worker.remote import Remote

GIF = b"GIF89a" + bytes(20)


class Kept(SignedFiles):
    """Keeps what is put; the first so many puts fail."""

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.files: dict[str, bytes] = {}
        self.tried: list[str] = []

    async def put(self, url: str, data: bytes) -> None:
        self.tried.append(url)
        if self.failures:
            self.failures -= 1
            raise FilesUnavailable("the file store answered HTTP 503 (SlowDown)")
        self.files[url] = data

    async def get(self, url: str) -> bytes:
        try:
            return self.files[url]
        except KeyError as error:
            raise FileMissing("the file is not stored here") from error


async def test_an_input_comes_from_its_address_and_the_output_goes_to_its_own(
    tmp_path: Path,
) -> None:
    signed = Kept()
    signed.files["input"] = GIF
    async with rig(tmp_path, signed=signed) as here:
        ref = FileRef(path=["image"], key="predictions/p1/0/0", url="input")
        heard = here.server.job(spec(), {"image": ""}, files=[ref], puts=["first"])
        await heard.ended.wait()
    assert heard.end.outcome == "succeeded", heard.end
    assert signed.files == {"input": GIF, "first": GIF}
    assert heard.files[0].key == "predictions/p1/1/0"
    assert heard.files[0].sha256 == hashlib.sha256(GIF).hexdigest()
    assert here.server.wants == []
    assert list((tmp_path / "files").rglob("*")) == []


async def test_an_address_that_failed_is_not_used_again(tmp_path: Path) -> None:
    signed = Kept(failures=2)
    async with rig(tmp_path, signed=signed) as here:
        heard = here.server.job(spec(), {"image": "data:,GIF89a"}, puts=["first"])
        await heard.ended.wait()
    assert heard.end.outcome == "succeeded", heard.end
    assert signed.tried == ["first", "granted-1", "granted-2"]
    assert here.server.wants == [Wants("p1", 1, 0)] * 2


async def test_a_run_without_an_address_asks_for_one(tmp_path: Path) -> None:
    signed = Kept()
    async with rig(tmp_path, signed=signed) as here:
        heard = here.server.job(spec(), {"image": "data:,GIF89a"}, puts=[])
        await heard.ended.wait()
    assert heard.end.outcome == "succeeded", heard.end
    assert signed.files == {"granted-1": b"GIF89a"}


async def test_after_the_last_try_the_run_fails_with_the_true_reason(tmp_path: Path) -> None:
    async with rig(tmp_path, signed=Kept(failures=99)) as here:
        heard = here.server.job(spec(), {"image": "data:,GIF89a"}, puts=["first"])
        await heard.ended.wait()
    assert heard.end.outcome == "failed"
    assert heard.end.error is not None
    assert "HTTP 503 (SlowDown)" in heard.end.error
    assert heard.files == []


async def test_a_server_that_signs_nothing_is_told_of(tmp_path: Path) -> None:
    async with rig(tmp_path, signed=Kept()) as here:
        here.server.grants = False
        heard = here.server.job(spec(), {"image": "data:,GIF89a"}, puts=[])
        await heard.ended.wait()
    assert heard.end.outcome == "failed"
    assert heard.end.error is not None
    assert "the server gave no address" in heard.end.error


async def test_an_input_that_is_gone_fails_the_run_by_its_name(tmp_path: Path) -> None:
    async with rig(tmp_path, signed=Kept()) as here:
        ref = FileRef(path=["image"], key="uploads/u1/0", url="nothing")
        heard = here.server.job(spec(), {"image": ""}, files=[ref], puts=["first"])
        await heard.ended.wait()
    assert (heard.end.outcome, heard.end.error) == (
        "failed",
        "input image: the file is not stored here",
    )


async def test_a_server_that_never_answers_is_given_up() -> None:
    asked: list[Wants] = []
    remote = Remote(Kept(), asked.append, answer_seconds=0.01)
    with pytest.raises(FilesUnavailable, match="the server gave no address"):
        await remote.put("predictions/p1/1/0", b"data")
    remote.granted(Granted("p1", 1, 0, "late"))
    assert asked == [Wants("p1", 1, 0)]


async def test_two_files_at_once_get_their_own_addresses() -> None:
    kept = Kept()
    remote = Remote(kept, lambda wants: remote.granted(answer(wants)))

    def answer(wants: Wants) -> Granted:
        return Granted(wants.id, wants.attempt, wants.index, f"place-{wants.index}")

    keys = [f"predictions/p1/1/{index}" for index in range(3)]
    await asyncio.gather(*[remote.put(key, key.encode()) for key in keys])
    assert kept.files == {f"place-{index}": key.encode() for index, key in enumerate(keys)}
