"""Nothing private is ever dialled: a listener on loopback counts what reaches it."""

import socket
from collections.abc import Sequence

import pytest
from tests.egress.loopback import ignored, serving

from darkroom.domain.errors import EgressDenied, InputUnusable
from darkroom.egress.fetch import GuardedFetcher


def nowhere(host: str) -> Sequence[str]:
    raise OSError(host)


async def test_a_name_that_points_inside_is_denied_before_any_packet() -> None:
    async with (
        serving(ignored) as server,
        GuardedFetcher(allow=[f"x.lan:{server.port}"], resolve=lambda _: ["127.0.0.1"]) as door,
    ):
        with pytest.raises(EgressDenied, match="DARKROOM_EGRESS_ALLOW"):
            await door.fetch(f"http://rebound.test:{server.port}/", limit_bytes=100)
        assert server.accepted == 0


@pytest.mark.parametrize("port", [22, 25, 6379])
async def test_other_ports_are_denied_without_a_lookup(port: int) -> None:
    async with GuardedFetcher(resolve=nowhere) as door:
        with pytest.raises(EgressDenied, match=f"port {port} is not spoken to"):
            await door.fetch(f"http://public.test:{port}/", limit_bytes=100)


async def test_a_port_allowed_for_one_host_is_not_allowed_for_others() -> None:
    async with GuardedFetcher(allow=["nas.lan:6379"], resolve=lambda _: ["8.8.8.8"]) as door:
        with pytest.raises(EgressDenied, match="port 6379"):
            await door.fetch("http://public.test:6379/", limit_bytes=100)


async def test_open_and_closed_private_ports_are_told_alike() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        closed = free.getsockname()[1]
    async with serving(ignored) as server:
        ports = (server.port, closed)
        async with GuardedFetcher(allow=[f"nas.lan:{port}" for port in ports]) as door:
            told: list[str] = []
            for port in ports:
                with pytest.raises(EgressDenied) as refused:
                    await door.fetch(f"http://127.0.0.1:{port}/", limit_bytes=100)
                told.append(str(refused.value).replace(str(port), "PORT"))
        assert told[0] == told[1]
        assert server.accepted == 0


async def test_a_name_without_an_address_is_unreachable_not_denied() -> None:
    async with GuardedFetcher(resolve=nowhere) as door:
        with pytest.raises(InputUnusable, match=r"at gone\.test: it cannot be reached") as refused:
            await door.fetch("http://gone.test/secret?token=1", limit_bytes=100)
    assert not isinstance(refused.value, EgressDenied)
    assert "secret" not in str(refused.value)


async def test_an_allowed_private_address_is_reached() -> None:
    async with serving(ignored) as server, GuardedFetcher(allow=[server.place]) as door:
        assert await door.fetch(server.url("/a"), limit_bytes=100) == b"reached /a"


async def test_proxies_of_the_environment_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(ignored) as proxy, serving(ignored) as server:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url())
        async with GuardedFetcher(allow=[server.place, proxy.place]) as door:
            await door.fetch(server.url("/a"), limit_bytes=100)
        assert proxy.accepted == 0
        assert server.accepted == 1
