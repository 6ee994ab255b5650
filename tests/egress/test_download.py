"""Large files: resumed, followed, and told about."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from pathlib import Path

import pytest
from tests.egress.loopback import Loopback, Request, reply, serving

from darkroom.domain.errors import EgressDenied, FilesUnavailable, WeightsUnavailable
from darkroom.egress.fetch import GuardedFetcher

BODY = bytes(range(256)) * 20_000


class Mirror:
    """Serves BODY with or without ranges, and can send it elsewhere."""

    def __init__(self) -> None:
        self.ranges = True
        self.cut_at: int | None = None
        self.elsewhere: str | None = None

    async def __call__(self, request: Request, writer: asyncio.StreamWriter) -> None:
        if self.elsewhere is not None:
            reply(writer, b"", status=302, location=self.elsewhere)
        elif request.target == "/secret":
            reply(writer, b"no", status=403)
        elif self.cut_at is not None:
            head = f"HTTP/1.1 200 OK\r\ncontent-length: {len(BODY)}\r\n\r\n"
            writer.write(head.encode() + BODY[: self.cut_at])
        else:
            self._part(request, writer)

    def _part(self, request: Request, writer: asyncio.StreamWriter) -> None:
        asked = request.headers.get("range", "")
        start = int(asked.removeprefix("bytes=").rstrip("-") or 0) if self.ranges else 0
        if start >= len(BODY):
            reply(writer, b"", status=416, content_range=f"bytes */{len(BODY)}")
        elif start:
            span = f"bytes {start}-{len(BODY) - 1}/{len(BODY)}"
            reply(writer, BODY[start:], status=206, content_range=span)
        else:
            reply(writer, BODY)


@pytest.fixture
def mirror() -> Mirror:
    return Mirror()


@pytest.fixture
async def server(mirror: Mirror) -> AsyncGenerator[Loopback]:
    async with serving(mirror) as loopback:
        yield loopback


@pytest.fixture
async def door(server: Loopback) -> AsyncGenerator[GuardedFetcher]:
    async with GuardedFetcher(allow=[server.place]) as fetcher:
        yield fetcher


async def get(
    door: GuardedFetcher, url: str, to: Path, headers: Mapping[str, str] | None = None
) -> list[tuple[int, int | None]]:
    told: list[tuple[int, int | None]] = []
    await door.download(
        url, to, headers=headers or {}, progress=lambda done, total: told.append((done, total))
    )
    return told


async def test_a_file_arrives_whole_and_progress_ends_at_its_size(
    door: GuardedFetcher, server: Loopback, tmp_path: Path
) -> None:
    told = await get(door, server.url("/file"), tmp_path / "f")
    assert (tmp_path / "f").read_bytes() == BODY
    assert told[-1] == (len(BODY), len(BODY))
    assert len(told) > 2


@pytest.mark.parametrize("have", [1, 3_000_000, len(BODY)])
async def test_a_download_goes_on_where_it_ended(
    door: GuardedFetcher, server: Loopback, tmp_path: Path, have: int
) -> None:
    (tmp_path / "f").write_bytes(BODY[:have])
    told = await get(door, server.url("/file"), tmp_path / "f")
    assert server.requests[0].headers["range"] == f"bytes={have}-"
    assert (tmp_path / "f").read_bytes() == BODY
    assert told[-1] == (len(BODY), len(BODY))


async def test_a_server_without_ranges_sends_it_all_again(
    door: GuardedFetcher, server: Loopback, mirror: Mirror, tmp_path: Path
) -> None:
    mirror.ranges = False
    (tmp_path / "f").write_bytes(b"x" * 1000)
    await get(door, server.url("/file"), tmp_path / "f")
    assert (tmp_path / "f").read_bytes() == BODY


async def test_more_than_the_file_is_thrown_away(
    door: GuardedFetcher, server: Loopback, tmp_path: Path
) -> None:
    (tmp_path / "f").write_bytes(BODY + b"x")
    await get(door, server.url("/file"), tmp_path / "f")
    assert (tmp_path / "f").read_bytes() == BODY


async def test_what_arrived_before_a_break_is_kept(
    door: GuardedFetcher, server: Loopback, mirror: Mirror, tmp_path: Path
) -> None:
    mirror.cut_at = 2_500_000
    with pytest.raises(WeightsUnavailable, match="could not download") as broken:
        await get(door, server.url("/file"), tmp_path / "f")
    assert broken.value.status == 0
    assert (tmp_path / "f").read_bytes() == BODY[:2_500_000]


async def test_a_refusal_carries_its_status(
    door: GuardedFetcher, server: Loopback, tmp_path: Path
) -> None:
    with pytest.raises(WeightsUnavailable, match="HTTP 403") as refused:
        await get(door, server.url("/secret"), tmp_path / "f")
    assert refused.value.status == 403


async def test_a_token_does_not_follow_to_another_host(
    server: Loopback, mirror: Mirror, tmp_path: Path
) -> None:
    async with serving(Mirror()) as storage:
        mirror.elsewhere = storage.url("/file?signature=1")
        (tmp_path / "f").write_bytes(BODY[:10])
        async with GuardedFetcher(allow=[server.place, storage.place]) as door:
            await get(door, server.url("/x"), tmp_path / "f", {"Authorization": "Bearer t"})
    assert server.requests[0].headers["authorization"] == "Bearer t"
    assert "authorization" not in storage.requests[0].headers
    assert storage.requests[0].headers["range"] == "bytes=10-"
    assert (tmp_path / "f").read_bytes() == BODY


async def test_a_redirect_to_inside_is_denied(
    door: GuardedFetcher, server: Loopback, mirror: Mirror, tmp_path: Path
) -> None:
    mirror.elsewhere = "http://127.0.0.2/file"
    with pytest.raises(EgressDenied):
        await get(door, server.url("/x"), tmp_path / "f")


async def test_a_full_disk_is_no_fault_of_the_network(
    door: GuardedFetcher, server: Loopback
) -> None:
    with pytest.raises(FilesUnavailable, match="No space left on device"):
        await get(door, server.url("/file"), Path("/dev/full"))


async def test_a_folder_that_is_not_there_is_no_fault_of_the_network(
    door: GuardedFetcher, server: Loopback, tmp_path: Path
) -> None:
    with pytest.raises(FilesUnavailable, match="No such file or directory"):
        await get(door, server.url("/file"), tmp_path / "gone" / "f")
