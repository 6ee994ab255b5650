"""Entries of the operator's list, and the table of public addresses."""

from ipaddress import ip_address

import pytest

from darkroom.domain.errors import InvalidSetting
from darkroom.egress.allow import AllowList, entry_for
from darkroom.egress.guard import is_public


@pytest.mark.parametrize(
    ("entry", "host", "address", "port"),
    [
        ("nas.lan", "nas.lan", "192.168.1.9", 80),
        ("nas.lan", "NAS.lan.", "192.168.1.9", 443),
        ("nas.lan:9000", "nas.lan", "192.168.1.9", 9000),
        ("127.0.0.1:8123", "127.0.0.1", "127.0.0.1", 8123),
        ("10.0.0.0/8", "any.name", "10.2.3.4", 80),
        ("[fd00::/8]:9000", "any.name", "fd00::7", 9000),
        ("[::1]:8123", "::1", "::1", 8123),
        ("::1", "::1", "::1", 443),
    ],
)
def test_an_entry_admits_what_it_names(entry: str, host: str, address: str, port: int) -> None:
    assert AllowList.parse([entry]).admits(host, ip_address(address), port)


@pytest.mark.parametrize(
    ("entry", "host", "address", "port"),
    [
        ("nas.lan", "nas.lan", "192.168.1.9", 8080),
        ("nas.lan:9000", "nas.lan", "192.168.1.9", 80),
        ("nas.lan", "other.lan", "192.168.1.9", 80),
        ("nas.lan", "evil-nas.lan", "192.168.1.9", 80),
        ("127.0.0.1:8123", "elsewhere.test", "127.0.0.1", 8123),
        ("10.0.0.0/8", "any.name", "192.168.1.9", 80),
        ("10.0.0.0/8", "any.name", "10.2.3.4", 22),
    ],
)
def test_an_entry_admits_nothing_else(entry: str, host: str, address: str, port: int) -> None:
    assert not AllowList.parse([entry]).admits(host, ip_address(address), port)


@pytest.mark.parametrize(
    "entry", ["http://nas.lan", "nas.lan:0", "nas.lan:70000", "10.0.0.0/99", "a b", "[nas"]
)
def test_an_entry_that_makes_no_sense_is_named(entry: str) -> None:
    with pytest.raises(InvalidSetting, match="egress_allow"):
        AllowList.parse([entry])


@pytest.mark.parametrize(
    ("url", "entry"),
    [
        ("https://hub.test", "hub.test:443"),
        ("http://127.0.0.1:9000/x", "127.0.0.1:9000"),
        ("http://[::1]:9000", "[::1]:9000"),
    ],
)
def test_an_upstream_is_allowed_by_being_named(url: str, entry: str) -> None:
    assert entry_for(url) == entry
    assert AllowList.parse([entry_for(url)]).entries


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",  # noqa: S104  # judged, not bound
        "10.1.2.3",
        "100.64.0.1",
        "127.0.0.1",
        "127.255.255.254",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.1",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.0.1",
        "198.18.0.1",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "239.255.255.250",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::127.0.0.1",
        "64:ff9b:1::7f00:1",
        "100::1",
        "2001:0:7f00:1::1",
        "2001:db8::1",
        "2002:7f00:1::",
        "2002:a00:1::",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fec0::1",
        "ff02::1",
        "2606:4700::5efe:127.0.0.1",
        "2606:4700::200:5efe:10.0.0.1",
        "fe80::5efe:10.0.0.1",
    ],
)
def test_a_reserved_address_is_not_public(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "2606::5efe:8.8.8.8"]
)
def test_a_public_address_is_public(address: str) -> None:
    assert is_public(ip_address(address))
