"""Every hop is judged as the first one was, and takes nothing along."""

import asyncio
from collections.abc import Sequence

import pytest
from tests.egress.loopback import Request, ignored, reply, serving
from tests.egress.networks import Detour

from darkroom.domain.errors import EgressDenied, InputUnusable
from darkroom.egress.fetch import GuardedFetcher
from darkroom.egress.guard import resolve_by_system

INSIDE = [
    "http://127.0.0.1/",
    "//127.0.0.1/",
    "http://localhost/",
    "http://[::1]/",
    "http://[::ffff:127.0.0.1]/",
    "http://2130706433/",
    "http://0x7f.1/",
    "http://169.254.169.254/latest/meta-data/",
    "http://168.63.129.16/machine",
    "http://inside.test/",
    "https://inside.test/",
    "http://outside.test:22/",
    "http://outside.test:6379/",
    "https://outside.test:25/",
]
NO_URL = [
    "file:///etc/passwd",
    "ftp://outside.test/",
    "gopher://127.0.0.1:6379/_INFO",
    "data:text/html,x",
    "javascript:alert(1)",
    "http://me:secret@outside.test/",
    "http://[",
    "http://outside.test:99999/",
    "http://outside.test:" + "9" * 5000 + "/",
    "http://" + "a" * 9000 + "/",
]


def resolve(host: str) -> Sequence[str]:
    if not host.endswith(".test"):
        return resolve_by_system(host)
    return ["10.0.0.1" if host == "inside.test" else "8.8.8.8"]


class Chain:
    """Sends a client through *locations*, one a request, and then answers."""

    def __init__(self, *locations: str, status: int = 302) -> None:
        self.locations = list(locations)
        self.status = status

    async def __call__(self, request: Request, writer: asyncio.StreamWriter) -> None:
        if not self.locations:
            await ignored(request, writer)
            return
        location = self.locations.pop(0)
        reply(writer, b"", status=self.status, location=location, set_cookie="a=secret")


async def walked(chain: Chain, *, hops: int) -> list[tuple[str, int]]:
    """Fetch through *chain*; *hops* connections must have been made."""
    async with serving(chain) as server:
        network = Detour(server.port)
        async with GuardedFetcher(network=network, resolve=resolve) as door:
            try:
                await door.fetch("http://outside.test/", limit_bytes=100)
            finally:
                assert server.accepted == len(network.dialled) == hops
    return network.dialled


@pytest.mark.parametrize("location", INSIDE)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_no_redirect_leads_inside(location: str, status: int) -> None:
    with pytest.raises(EgressDenied):
        await walked(Chain(location, status=status), hops=1)


@pytest.mark.parametrize("location", INSIDE)
async def test_no_chain_leads_inside(location: str) -> None:
    with pytest.raises(EgressDenied):
        await walked(Chain("http://other.test/", "/again", location), hops=3)


@pytest.mark.parametrize("location", NO_URL, ids=lambda url: url[:30])
async def test_a_redirect_to_no_usable_url_ends_there(location: str) -> None:
    with pytest.raises(InputUnusable) as refused:
        await walked(Chain(location), hops=1)
    assert "secret" not in str(refused.value)


async def test_a_loop_ends_after_three_hops() -> None:
    with pytest.raises(InputUnusable, match="redirects more than 3 times"):
        await walked(Chain(*["/round"] * 9), hops=4)


async def test_a_location_without_a_redirect_leads_nowhere() -> None:
    with pytest.raises(InputUnusable, match="HTTP 201"):
        await walked(Chain("http://127.0.0.1/", status=201), hops=1)


@pytest.mark.parametrize("status", [300, 304, 305, 306])
async def test_other_answers_of_the_kind_are_not_followed(status: int) -> None:
    with pytest.raises(InputUnusable, match=f"HTTP {status}"):
        await walked(Chain("http://other.test/", status=status), hops=1)


async def test_neither_cookies_nor_a_referrer_go_along() -> None:
    chain = Chain("http://outside.test/two", "http://other.test/three")
    async with serving(chain) as server:
        network = Detour(server.port)
        async with GuardedFetcher(network=network, resolve=resolve) as door:
            await door.fetch("http://outside.test/?token=secret", limit_bytes=100)
    assert [request.headers["host"] for request in server.requests] == [
        "outside.test",
        "outside.test",
        "other.test",
    ]
    for request in server.requests:
        sent = set(request.headers)
        assert sent == {"host", "user-agent", "accept", "accept-encoding", "connection"}
