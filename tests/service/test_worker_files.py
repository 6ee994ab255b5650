"""Addresses of files for workers elsewhere open one file, to one method, for a time."""

import base64
from collections.abc import Sequence

import pytest
from tests.support.hands import HandClock

from darkroom.domain.errors import FileMissing
from darkroom.protocol.messages import MAX_FILE_BYTES
from darkroom.service.worker_files import PATH, KeyRight, LocalSigner, Method

SECRET = bytes(range(32))
KEY = "predictions/06gzp2xjjdr0130j7vcsha47nc/1/0"


class Clock(HandClock):
    """Wall time goes where a test puts it."""

    ms = 1_790_000_000_000

    def wall_ms(self) -> int:
        return self.ms


async def size(key: str) -> int:
    if key != KEY:
        raise FileMissing("none")
    return 7


def signer(secret: bytes = SECRET, clock: Clock | None = None) -> LocalSigner:
    return LocalSigner(secret, size, clock or Clock(), good_for_seconds=10)


def token(addresses: Sequence[str]) -> str:
    (address,) = addresses
    assert address.startswith(PATH)
    return address.removeprefix(PATH)


async def test_an_address_opens_its_file_to_its_method_alone() -> None:
    made = signer()
    reading, writing = token(await made.readable([KEY])), token(await made.writable([KEY]))

    right = KeyRight(key=KEY, limit_bytes=MAX_FILE_BYTES)
    assert made.opened(reading, "GET") == right
    assert made.opened(writing, "PUT") == right
    assert made.opened(reading, "PUT") is None
    assert made.opened(writing, "GET") is None


async def test_an_address_ends() -> None:
    clock = Clock()
    made = signer(clock=clock)
    reading = token(await made.readable([KEY]))
    clock.ms += 9_999
    assert made.opened(reading, "GET") is not None
    clock.ms += 1
    assert made.opened(reading, "GET") is None


async def test_servers_with_one_secret_take_each_others_addresses_and_no_others() -> None:
    reading = token(await signer().readable([KEY]))
    assert signer().opened(reading, "GET") is not None
    assert signer(bytes(32)).opened(reading, "GET") is None


@pytest.mark.parametrize("method", ["GET", "PUT"])
async def test_no_changed_address_opens_anything(method: Method) -> None:
    made = signer()
    good = token(await (made.readable if method == "GET" else made.writable)([KEY]))
    data = bytearray(base64.urlsafe_b64decode(good + "=" * (-len(good) % 4)))
    for at in range(len(data)):
        changed = bytearray(data)
        changed[at] ^= 1
        forged = base64.urlsafe_b64encode(changed).decode().rstrip("=")
        assert made.opened(forged, method) is None


@pytest.mark.parametrize("text", ["", "A", "not base64!", "AAAA", "A" * 200, "ä"])
def test_what_is_no_address_opens_nothing(text: str) -> None:
    assert signer().opened(text, "GET") is None
