"""Answers that are endless, slow, packed or lying."""

import asyncio
import gzip
import time
import zlib
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from tests.egress.loopback import Loopback, Request, reply, serving

from darkroom.domain.errors import InputUnusable, WeightsUnavailable
from darkroom.egress.fetch import GuardedFetcher

PATIENCE = 0.3
LONG_PATIENCE = 30
DRIP_EVERY = 0.02
CAP = 100_000
UNREACHED = "could not fetch the file at 127.0.0.1: it cannot be reached or did not answer in time"
HEAD = b"HTTP/1.1 200 OK\r\n"


class Tap:
    """Writes *first*, then *drop* again and again until the other side has gone."""

    def __init__(self, first: bytes, drop: bytes, *, every: float) -> None:
        self.first = first
        self.drop = drop
        self.every = every
        self.sent = 0

    async def __call__(self, _: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(self.first)
        while True:
            writer.write(self.drop)
            await writer.drain()
            self.sent += len(self.drop)
            await asyncio.sleep(self.every)


async def refusal(tap: Tap, *, patience: float = PATIENCE) -> str:
    async with (
        serving(tap) as server,
        GuardedFetcher(allow=[server.place], fetch_seconds=patience) as door,
    ):
        began = time.monotonic()
        with pytest.raises(InputUnusable) as refused:
            await door.fetch(server.url("/"), limit_bytes=CAP)
        assert time.monotonic() - began < LONG_PATIENCE
    return str(refused.value)


@pytest.mark.parametrize(
    ("first", "drop"),
    [
        (b"", b"H"),
        (HEAD, b"X: y\r\n"),
        (b"", b"HTTP/1.1 102 Processing\r\n\r\n"),
        (HEAD + b"Content-Length: 90000\r\n\r\n", b"."),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n.\r\n"),
        (HEAD + b"\r\n", b"."),
    ],
    ids=["status line", "headers", "interim answers", "body", "chunks", "body without length"],
)
async def test_a_drip_ends_at_the_deadline_though_each_drop_is_in_time(
    first: bytes, drop: bytes
) -> None:
    assert await refusal(Tap(first, drop, every=DRIP_EVERY)) == UNREACHED


@pytest.mark.parametrize(
    ("first", "drop", "told"),
    [
        (HEAD + b"\r\n", bytes(65536), "larger than 100,000 bytes"),
        (
            HEAD + b"Transfer-Encoding: chunked\r\n\r\n",
            b"10000\r\n" + bytes(65536) + b"\r\n",
            "larger than 100,000 bytes",
        ),
        (HEAD, b"X: " + b"y" * 65536 + b"\r\n", "cannot be reached"),
        (HEAD + b"X: ", b"y" * 65536, "cannot be reached"),
    ],
    ids=["body", "chunks", "headers", "one header"],
)
async def test_what_is_endless_stops_early(first: bytes, drop: bytes, told: str) -> None:
    tap = Tap(first, drop, every=0)
    assert told in await refusal(tap, patience=LONG_PATIENCE)
    assert tap.sent < 30_000_000


async def test_endless_interim_answers_end_at_the_deadline() -> None:
    tap = Tap(b"", b"HTTP/1.1 102 Processing\r\n\r\n" * 1000, every=0)
    assert await refusal(tap) == UNREACHED
    assert tap.sent < 30_000_000


async def test_a_chunk_of_one_huge_size_is_not_waited_for() -> None:
    tap = Tap(HEAD + b"Transfer-Encoding: chunked\r\n\r\n7fffffffffff\r\n", bytes(65536), every=0)
    assert "larger than 100,000 bytes" in await refusal(tap, patience=LONG_PATIENCE)


@pytest.mark.parametrize(
    "coding",
    ["gzip", "GZIP", "x-gzip", "deflate", "br", "zstd", "identity, gzip", "gzip, identity"],
)
async def test_whatever_is_packed_is_refused_unread(coding: str) -> None:
    async def packed(_: Request, writer: asyncio.StreamWriter) -> None:
        reply(writer, gzip.compress(bytes(10_000_000)), content_encoding=coding)

    async with serving(packed) as server, GuardedFetcher(allow=[server.place]) as door:
        with pytest.raises(InputUnusable, match="it is sent compressed, which is not accepted"):
            await door.fetch(server.url("/"), limit_bytes=CAP)


async def test_what_hides_its_packing_stays_packed() -> None:
    squeezed = zlib.compress(bytes(10_000_000))

    async def packed(_: Request, writer: asyncio.StreamWriter) -> None:
        reply(writer, squeezed)

    async with serving(packed) as server, GuardedFetcher(allow=[server.place]) as door:
        assert await door.fetch(server.url("/"), limit_bytes=CAP) == squeezed


LIES = {
    "longer than its length": (b"Content-Length: 3\r\n\r\nabcdef", b"abc"),
    "length and chunks": (
        b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        b"abc",
    ),
    "shorter than its length": (b"Content-Length: 30\r\n\r\nabc", None),
    "two lengths": (b"Content-Length: 3\r\nContent-Length: 5\r\n\r\nabcde", None),
    "negative": (b"Content-Length: -3\r\n\r\nabc", None),
    "signed": (b"Content-Length: +3\r\n\r\nabc", None),
    "hexadecimal": (b"Content-Length: 0x3\r\n\r\nabc", None),
    "a digit of another kind": (b"Content-Length: \xb2\r\n\r\nabc", None),
    "thousands of digits": (b"Content-Length: " + b"9" * 5000 + b"\r\n\r\nabc", None),
    "broken chunk size": (b"Transfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n", None),
    "cut within a chunk": (b"Transfer-Encoding: chunked\r\n\r\n9\r\nabc", None),
    "packed in transfer": (b"Transfer-Encoding: gzip, chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", None),
    "two lines in one": (b"X: a\rb\r\nContent-Length: 3\r\n\r\nabc", None),
    "a null in a header": (b"X: a\0b\r\nContent-Length: 3\r\n\r\nabc", None),
}


@pytest.mark.parametrize(("answer", "body"), LIES.values(), ids=LIES.keys())
async def test_a_lie_about_the_length_gains_nothing(answer: bytes, body: bytes | None) -> None:
    async def lies(_: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + answer)

    async with serving(lies) as server, GuardedFetcher(allow=[server.place]) as door:
        if body is not None:
            assert await door.fetch(server.url("/"), limit_bytes=CAP) == body
            return
        with pytest.raises(InputUnusable) as refused:
            await door.fetch(server.url("/"), limit_bytes=CAP)
    assert str(refused.value) == UNREACHED


@pytest.fixture
async def lying_about_a_range() -> AsyncGenerator[Loopback]:
    async def lies(request: Request, writer: asyncio.StreamWriter) -> None:
        claim = request.target.removeprefix("/").replace("_", " ").replace("|", "/")
        reply(writer, b"cd", status=206, content_range=claim)

    async with serving(lies) as server:
        yield server


@pytest.mark.parametrize(
    "claim",
    [f"bytes_{'9' * 5000}-3|4", "bytes_0-1|4", "bytes_02-3|4", "bytes_*|4", "bytes", "lines_2-3|4"],
    ids=["thousands of digits", "another part", "leading zero", "no part", "cut", "other unit"],
)
async def test_a_lie_about_a_range_leaves_what_was_there(
    lying_about_a_range: Loopback, tmp_path: Path, claim: str
) -> None:
    server = lying_about_a_range
    (tmp_path / "f").write_bytes(b"ab")
    async with GuardedFetcher(allow=[server.place]) as door:
        with pytest.raises(WeightsUnavailable, match="another part of the file"):
            await door.download(
                server.url(f"/{claim}"), tmp_path / "f", headers={}, progress=lambda _d, _t: None
            )
    assert (tmp_path / "f").read_bytes() == b"ab"
