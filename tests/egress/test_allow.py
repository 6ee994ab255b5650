"""Entries of the operator's list."""

from ipaddress import ip_address

import pytest

from darkroom.domain.errors import InvalidSetting
from darkroom.egress.allow import AllowList, entry_for


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
