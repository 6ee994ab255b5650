"""Ways to spell a way inside: none of them reaches a listener on loopback, by any verb.

The listener hears port 80 here, which needs no entry in the allow-list: the address alone decides.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path
from typing import TypeAlias

import pytest
from tests.egress.loopback import Loopback, ignored, serving
from tests.egress.networks import Detour

from darkroom.domain.errors import EgressDenied, InputUnusable, WeightsUnavailable
from darkroom.egress.fetch import GuardedFetcher
from darkroom.egress.webhooks import GuardedPoster
from darkroom.ports.webhooks import Answered, Message

SPELLINGS = [
    "127.0.0.1",
    "127.1",
    "127.0.1",
    "2130706433",
    "0x7f000001",
    "0x7f.0.0.1",
    "0x7F.1",
    "0177.0.0.1",
    "0177.0x0.1",
    "017700000001",
    "127.0.0.1.",
    "127。0。0。1",
    "127．0．0．1",  # noqa: RUF001  # of full width
    "127｡0｡0｡1",
    "①②⑦.0.0.1",
    "１２７.0.0.1",  # noqa: RUF001  # of full width
    "٣",
    "localhost",
    "LOCALHOST",
    "localhost.",
    "ⓛocalhost",
    "ｌｏｃａｌｈｏｓｔ",  # noqa: RUF001  # letters of full width
    "local%68ost",
    "0",
    "0.0.0.0",  # noqa: S104  # refused, not bound
    "00000.0",
    "4294967295",
    "127.0.0.1%00.public.test",
    "127.0.0.1%2f.public.test",
    "[::1]",
    "[0:0:0:0:0:0:0:1]",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::ffff:0:127.0.0.1]",
    "[::127.0.0.1]",
    "[::1%25lo]",
    "[::1%lo]",
    "[fe80::1%25lo]",
    "[v1.127.0.0.1]",
    "[127.0.0.1]",
    "%31%32%37.0.0.1",
    "user@127.0.0.1",
    "8.8.8.8@127.0.0.1",
    "8.8.8.8:80@127.0.0.1",
    "8.8.8.8\\@127.0.0.1",
    "8.8.8.8#@127.0.0.1:1",
    "127.0.0.1\t",
    "127.0.0.1 ",
    " 127.0.0.1",
    "\u00ad127.0.0.1",
    "127.0.0.1\u200b",
    "[64:ff9b::127.0.0.1]",
]
PUBLIC_AFTER_ALL = {"8.8.8.8#@127.0.0.1:1"}
"""What comes before the # is the host, and that is a public one."""

Verb: TypeAlias = Callable[[Detour, str, Path], Awaitable[object]]
SECRET = "whsec_" + "A" * 32


async def fetched(network: Detour, url: str, _folder: Path) -> object:
    async with GuardedFetcher(network=network) as door:
        return await door.fetch(url, limit_bytes=100)


async def downloaded(network: Detour, url: str, folder: Path) -> object:
    async with GuardedFetcher(network=network) as door:
        return await door.download(url, folder / "f", headers={}, progress=lambda _d, _t: None)


async def posted(network: Detour, url: str, _folder: Path) -> object:
    message = Message(id="msg_1", url=url, secret=SECRET, at=1_800_000_000, body=b"{}")
    async with GuardedPoster(network=network) as door:
        reply = await door.post(message)
    if isinstance(reply, Answered):
        return reply
    raise InputUnusable(reply.reason)


VERBS = [fetched, downloaded, posted]


@pytest.fixture
async def server() -> AsyncGenerator[Loopback]:
    async with serving(ignored) as listener:
        yield listener


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("spelling", SPELLINGS, ids=ascii)
async def test_no_spelling_of_loopback_is_dialled(
    server: Loopback, tmp_path: Path, spelling: str, verb: Verb
) -> None:
    network = Detour(server.port)
    if spelling in PUBLIC_AFTER_ALL:
        await verb(network, f"http://{spelling}/", tmp_path)
        assert network.dialled == [("8.8.8.8", 80)]
        return
    with pytest.raises((InputUnusable, WeightsUnavailable, EgressDenied)):
        await verb(network, f"http://{spelling}/", tmp_path)
    assert network.dialled == []
    assert server.accepted == 0


@pytest.mark.parametrize("spelling", ["127.0.0.1", "localhost"])
async def test_the_listener_would_have_heard_an_allowed_one(
    server: Loopback, spelling: str
) -> None:
    async with GuardedFetcher(allow=[spelling], network=Detour(server.port)) as door:
        assert await door.fetch(f"http://{spelling}/a", limit_bytes=100) == b"reached /a"
    assert server.accepted == 1


SCHEMES = [
    "file:///etc/passwd",
    "FILE:///etc/passwd",
    "ftp://127.0.0.1/",
    "gopher://127.0.0.1:6379/_INFO",
    "dict://127.0.0.1:11211/stat",
    "ldap://127.0.0.1/",
    "unix:///var/run/docker.sock",
    "http+unix://%2Fvar%2Frun%2Fdocker.sock/info",
    "ws://127.0.0.1/",
    "jar:http://127.0.0.1/!/a",
    "data:text/plain,x",
    "javascript:alert(1)",
    "//127.0.0.1/",
    "http:127.0.0.1",
    "http:///127.0.0.1",
    "http://",
    "http://:80/",
    "http:\\\\127.0.0.1\\",
    "127.0.0.1",
    "",
    "\x00",
    "http://" + "a" * 9000,
]


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("url", SCHEMES, ids=lambda url: ascii(url)[:40])
async def test_only_a_plain_http_url_with_a_host_is_asked_for(
    server: Loopback, tmp_path: Path, url: str, verb: Verb
) -> None:
    network = Detour(server.port)
    with pytest.raises((InputUnusable, WeightsUnavailable)):
        await verb(network, url, tmp_path)
    assert network.dialled == []


@pytest.mark.parametrize("port", [1, 22, 25, 53, 110, 143, 465, 587, 2375, 5432, 6379, 9200, 11211])
async def test_a_public_host_is_spoken_to_on_web_ports_alone(server: Loopback, port: int) -> None:
    network = Detour(server.port)
    async with GuardedFetcher(network=network, resolve=lambda _: ["8.8.8.8"]) as door:
        with pytest.raises(EgressDenied, match=f"port {port} is not spoken to"):
            await door.fetch(f"http://public.test:{port}/", limit_bytes=100)
    assert network.dialled == []
