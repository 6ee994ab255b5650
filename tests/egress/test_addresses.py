"""The table of addresses: judged one by one, and never dialled where the verdict is no."""

from ipaddress import ip_address

import pytest
from tests.egress.loopback import ignored, serving
from tests.egress.networks import Detour

from darkroom.domain.errors import EgressDenied
from darkroom.egress.fetch import GuardedFetcher
from darkroom.egress.guard import is_public

DENIED = {
    "this host": "0.0.0.0",  # noqa: S104  # judged, not bound
    "this network": "0.1.2.3",
    "private 10, first": "10.0.0.0",
    "private 10, last": "10.255.255.255",
    "carrier's shared space, first": "100.64.0.0",
    "carrier's shared space, last": "100.127.255.255",
    "metadata of Alibaba": "100.100.100.200",
    "loopback": "127.0.0.1",
    "loopback, last": "127.255.255.255",
    "metadata of Azure": "168.63.129.16",
    "link-local": "169.254.0.1",
    "metadata of AWS, Google, Azure": "169.254.169.254",
    "private 172, first": "172.16.0.0",
    "private 172, last": "172.31.255.255",
    "protocol assignments": "192.0.0.1",
    "metadata of Oracle": "192.0.0.192",
    "documentation 1": "192.0.2.1",
    "6to4 relays": "192.88.99.1",
    "private 192, first": "192.168.0.0",
    "private 192, last": "192.168.255.255",
    "benchmarks, first": "198.18.0.0",
    "benchmarks, last": "198.19.255.255",
    "documentation 2": "198.51.100.1",
    "documentation 3": "203.0.113.1",
    "multicast": "224.0.0.1",
    "multicast for discovery": "239.255.255.250",
    "reserved": "240.0.0.1",
    "broadcast": "255.255.255.255",
    "unspecified": "::",
    "loopback v6": "::1",
    "compatible loopback": "::127.0.0.1",
    "compatible private": "::10.0.0.1",
    "mapped loopback": "::ffff:127.0.0.1",
    "mapped private": "::ffff:10.0.0.1",
    "mapped metadata": "::ffff:169.254.169.254",
    "mapped metadata of Azure": "::ffff:168.63.129.16",
    "translated loopback": "::ffff:0:127.0.0.1",
    "translated metadata": "::ffff:0:169.254.169.254",
    "NAT64 loopback": "64:ff9b::127.0.0.1",
    "NAT64 private": "64:ff9b::10.0.0.1",
    "NAT64 metadata": "64:ff9b::169.254.169.254",
    "local NAT64": "64:ff9b:1::8.8.8.8",
    "discard only": "100::1",
    "Teredo, server inside": "2001:0:7f00:1::f7f7:f7f7",
    "Teredo, client inside": "2001:0:808:808::80ff:fffe",
    "benchmarks v6": "2001:2::1",
    "ORCHID": "2001:10::1",
    "documentation v6": "2001:db8::1",
    "documentation v6, new": "3fff::1",
    "6to4 loopback": "2002:7f00:1::1",
    "6to4 private": "2002:a00:1::1",
    "6to4 metadata": "2002:a9fe:a9fe::1",
    "6to4 metadata of Azure": "2002:a83f:8110::1",
    "segment routing": "5f00::1",
    "never assigned": "4000::1",
    "never assigned, high": "8000::1",
    "unique local": "fc00::1",
    "metadata of AWS v6": "fd00:ec2::254",
    "link-local v6, first": "fe80::1",
    "link-local v6 with a zone": "fe80::1%lo",
    "link-local v6, last": "febf::1",
    "site-local": "fec0::1",
    "multicast v6": "ff02::1",
    "multicast v6, global": "ff0e::1",
    "ISATAP loopback": "2606:4700::5efe:127.0.0.1",
    "ISATAP private, global bit": "2606:4700::200:5efe:10.0.0.1",
    "ISATAP link-local": "fe80::5efe:8.8.8.8",
    "ISATAP, never assigned": "4000::5efe:8.8.8.8",
}

PUBLIC = {
    "a resolver": "1.1.1.1",
    "before private 10": "9.255.255.255",
    "after private 10": "11.0.0.0",
    "before shared space": "100.63.255.255",
    "after shared space": "100.128.0.0",
    "before loopback": "126.255.255.255",
    "after loopback": "128.0.0.1",
    "before link-local": "169.253.255.255",
    "after link-local": "169.255.0.0",
    "before private 172": "172.15.255.255",
    "after private 172": "172.32.0.0",
    "before private 192": "192.167.255.255",
    "after private 192": "192.169.0.0",
    "before benchmarks": "198.17.255.255",
    "after benchmarks": "198.20.0.0",
    "before multicast": "223.255.255.255",
    "an ordinary v6": "2606:4700::1111",
    "mapped public": "::ffff:8.8.8.8",
    "NAT64 public": "64:ff9b::8.8.8.8",
    "6to4 public": "2002:808:808::1",
    "Teredo public": "2001:0:808:808::f7f7:f7f7",
    "ISATAP public": "2606:4700::5efe:8.8.8.8",
    "no ISATAP, only alike": "2606:4700::5efd:7f00:1",
}


def test_the_battery_is_as_large_as_promised() -> None:
    assert len(DENIED) >= 60
    assert len(set(DENIED.values()) | set(PUBLIC.values())) == len(DENIED) + len(PUBLIC)


@pytest.mark.parametrize("address", DENIED.values(), ids=DENIED.keys())
def test_a_reserved_address_is_not_public(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("address", PUBLIC.values(), ids=PUBLIC.keys())
def test_a_public_address_is_public(address: str) -> None:
    assert is_public(ip_address(address))


async def test_no_reserved_address_gets_a_packet_and_all_are_refused_alike() -> None:
    told: set[str] = set()
    async with serving(ignored) as server:
        network = Detour(server.port)
        for address in DENIED.values():
            answer = [address]
            async with GuardedFetcher(network=network, resolve=lambda _, it=answer: it) as door:
                with pytest.raises(EgressDenied) as refused:
                    await door.fetch("http://name.test/", limit_bytes=100)
            told.add(str(refused.value))
        assert server.accepted == 0
    assert network.dialled == []
    assert told == {
        "could not fetch the file at name.test: its address is private or reserved;"
        " an operator can allow it with DARKROOM_EGRESS_ALLOW=name.test:80"
    }


async def test_every_public_address_is_dialled_as_it_was_judged() -> None:
    async with serving(ignored) as server:
        network = Detour(server.port)
        for address in PUBLIC.values():
            answer = [address]
            async with GuardedFetcher(network=network, resolve=lambda _, it=answer: it) as door:
                assert await door.fetch("http://name.test/a", limit_bytes=100) == b"reached /a"
    assert [ip_address(host) for host, _ in network.dialled] == [
        ip_address(address) for address in PUBLIC.values()
    ]
