"""What `fetch` takes, follows and refuses."""

import asyncio
from collections.abc import AsyncGenerator

import pytest
from tests.egress.loopback import Loopback, Request, ignored, reply, serving
from tests.egress.networks import Detour

from darkroom.domain.errors import EgressDenied, InputUnusable
from darkroom.egress.fetch import FETCHES_IN_ALL, GuardedFetcher


class Site:
    """Answers by path, as hosts of pictures do and should not."""

    def __init__(self) -> None:
        self.open = 0
        self.most_open = 0
        self.gate = asyncio.Event()
        self.full = asyncio.Event()
        self.crowded = asyncio.Event()
        self.sent = 0

    async def __call__(self, request: Request, writer: asyncio.StreamWriter) -> None:
        kind, _, rest = request.target.removeprefix("/").partition("/")
        match kind:
            case "to":
                reply(writer, b"", status=302, location=rest.replace("|", "/"))
            case "hops":
                onward = f"/hops/{int(rest) - 1}" if int(rest) else "/file"
                reply(writer, b"", status=307, location=onward)
            case "status":
                reply(writer, b"no", status=int(rest))
            case "endless":
                await self._endless(writer)
            case "gated":
                await self._gated(writer)
            case "announced":
                head = f"HTTP/1.1 200 OK\r\ncontent-length: {rest}\r\n\r\n"
                writer.write(head.encode() + b"only this")
            case _:
                await ignored(request, writer)

    async def _endless(self, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: image/png\r\n\r\n")
        while True:
            writer.write(bytes(65_536))
            await writer.drain()
            self.sent += 65_536

    async def _gated(self, writer: asyncio.StreamWriter) -> None:
        self.open += 1
        self.most_open = max(self.open, self.most_open)
        if self.open == 4:
            self.full.set()
        if self.open == FETCHES_IN_ALL:
            self.crowded.set()
        await self.gate.wait()
        self.open -= 1
        reply(writer, b"done")


@pytest.fixture
def site() -> Site:
    return Site()


@pytest.fixture
async def server(site: Site) -> AsyncGenerator[Loopback]:
    async with serving(site) as loopback:
        yield loopback
        site.gate.set()


@pytest.fixture
async def door(server: Loopback) -> AsyncGenerator[GuardedFetcher]:
    async with GuardedFetcher(allow=[server.place]) as fetcher:
        yield fetcher


async def test_three_redirects_are_followed(door: GuardedFetcher, server: Loopback) -> None:
    assert await door.fetch(server.url("/hops/2"), limit_bytes=100) == b"reached /file"


async def test_a_fourth_redirect_is_not(door: GuardedFetcher, server: Loopback) -> None:
    with pytest.raises(InputUnusable, match="redirects more than 3 times"):
        await door.fetch(server.url("/hops/3"), limit_bytes=100)


@pytest.mark.parametrize(
    "target",
    ["http:||127.0.0.2|", "http:||localhost|", "http:||[::1]:22|", "http:||169.254.169.254|x"],
)
async def test_a_redirect_to_inside_is_denied(
    door: GuardedFetcher, server: Loopback, target: str
) -> None:
    with pytest.raises(EgressDenied, match=r"could not fetch the file at 127\.0\.0\.1: "):
        await door.fetch(server.url(f"/to/{target}"), limit_bytes=100)


@pytest.mark.parametrize("target", ["file:|||etc|passwd", "ftp:||x.test|", "http:||a@x.test|"])
async def test_a_redirect_to_another_kind_of_url_is_refused(
    door: GuardedFetcher, server: Loopback, target: str
) -> None:
    with pytest.raises(InputUnusable, match="its URL must"):
        await door.fetch(server.url(f"/to/{target}"), limit_bytes=100)
    assert server.accepted == 1


async def test_an_endless_body_stops_at_the_cap(
    door: GuardedFetcher, server: Loopback, site: Site
) -> None:
    with pytest.raises(InputUnusable, match="larger than 1,000,000 bytes"):
        await door.fetch(server.url("/endless"), limit_bytes=1_000_000)
    assert site.sent < 20_000_000


async def test_an_announced_size_above_the_cap_is_refused_at_once(
    door: GuardedFetcher, server: Loopback
) -> None:
    with pytest.raises(InputUnusable, match="larger than 100 bytes"):
        await door.fetch(server.url("/announced/999999999"), limit_bytes=100)


@pytest.mark.parametrize("status", [204, 206, 404, 500])
async def test_anything_but_200_is_refused(
    door: GuardedFetcher, server: Loopback, status: int
) -> None:
    with pytest.raises(InputUnusable, match=f"HTTP {status}"):
        await door.fetch(server.url(f"/status/{status}"), limit_bytes=100)


async def test_a_body_that_ends_early_is_no_file(door: GuardedFetcher, server: Loopback) -> None:
    with pytest.raises(InputUnusable, match="cannot be reached or did not answer"):
        await door.fetch(server.url("/announced/999"), limit_bytes=10_000)


async def test_a_slow_answer_ends_at_the_deadline(server: Loopback) -> None:
    async with GuardedFetcher(allow=[server.place], fetch_seconds=0.1) as door:
        with pytest.raises(InputUnusable, match="did not answer in time"):
            await door.fetch(server.url("/gated/1"), limit_bytes=100)


@pytest.mark.parametrize(
    "url",
    ["", "x.png", "file:///etc/passwd", "ftp://x.test/a", "http://", "http://[::1", "http://x:0/"],
)
async def test_what_is_no_http_url_is_refused(door: GuardedFetcher, url: str) -> None:
    with pytest.raises(InputUnusable, match="could not fetch the file"):
        await door.fetch(url, limit_bytes=100)


async def test_credentials_in_a_url_are_refused(door: GuardedFetcher, server: Loopback) -> None:
    with pytest.raises(InputUnusable, match="user name or password") as refused:
        await door.fetch(f"http://me:secret@{server.place}/", limit_bytes=100)
    assert "secret" not in str(refused.value)
    assert server.accepted == 0


async def test_nothing_of_ours_goes_along(door: GuardedFetcher, server: Loopback) -> None:
    await door.fetch(server.url("/to/|file#part"), limit_bytes=100)
    for request in server.requests:
        sent = set(request.headers)
        assert sent == {"host", "user-agent", "accept", "accept-encoding", "connection"}
    assert server.requests[1].target == "/file"


async def test_at_most_four_at_once_go_to_one_host(
    door: GuardedFetcher, server: Loopback, site: Site
) -> None:
    async with asyncio.TaskGroup() as group:
        for number in range(9):
            group.create_task(door.fetch(server.url(f"/gated/{number}"), limit_bytes=100))
        await site.full.wait()
        await _settled()
        site.gate.set()
    assert server.accepted == 9
    assert site.most_open == 4


async def test_a_name_with_its_dot_is_the_same_host(server: Loopback, site: Site) -> None:
    names = ("one.test", "one.test.", "ONE.test", "ONE.TEST.")
    network = Detour(server.port)
    async with (
        GuardedFetcher(network=network, resolve=lambda _: ["8.8.8.8"]) as door,
        asyncio.TaskGroup() as group,
    ):
        for number in range(12):
            url = f"http://{names[number % 4]}/gated/{number}"
            group.create_task(door.fetch(url, limit_bytes=100))
        await site.full.wait()
        await _settled()
        site.gate.set()
    assert server.accepted == 12
    assert site.most_open == 4


async def test_at_most_sixteen_run_at_once_in_all(server: Loopback, site: Site) -> None:
    network = Detour(server.port)
    async with (
        GuardedFetcher(network=network, resolve=lambda _: ["8.8.8.8"]) as door,
        asyncio.TaskGroup() as group,
    ):
        for number in range(40):
            url = f"http://host{number}.test/gated/{number}"
            group.create_task(door.fetch(url, limit_bytes=100))
        await site.crowded.wait()
        await _settled()
        site.gate.set()
    assert server.accepted == 40
    assert site.most_open == FETCHES_IN_ALL


async def test_waiting_for_a_turn_does_not_count_as_slowness(server: Loopback) -> None:
    async with GuardedFetcher(allow=[server.place], fetch_seconds=1) as door:
        slow = [door.fetch(server.url("/gated/1"), limit_bytes=9) for _ in range(4)]
        quick = door.fetch(server.url("/file"), limit_bytes=100)
        *timed_out, body = await asyncio.gather(*slow, quick, return_exceptions=True)
    assert all(isinstance(one, InputUnusable) for one in timed_out)
    assert body == b"reached /file"


async def test_who_waits_for_a_busy_host_keeps_nobody_from_another(
    server: Loopback, site: Site
) -> None:
    other_site = Site()
    async with serving(other_site) as other:
        # By another name of its own, for permits are given by host name.
        elsewhere = other.url("/file").replace("127.0.0.1", "localhost")
        allow = [server.place, f"localhost:{other.port}"]
        async with GuardedFetcher(allow=allow) as door, asyncio.TaskGroup() as group:
            for _ in range(FETCHES_IN_ALL + 4):
                group.create_task(door.fetch(server.url("/gated/1"), limit_bytes=100))
            await site.full.wait()
            assert await door.fetch(elsewhere, limit_bytes=100) == b"reached /file"
            site.gate.set()


async def _settled() -> None:
    for _ in range(200):  # time for one more, were it let through
        await asyncio.sleep(0)
