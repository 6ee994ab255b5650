"""The operator's list of places that may be reached although they are private or on odd ports."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Self, TypeAlias

import httpx2

from darkroom.domain.errors import InvalidSetting

Address: TypeAlias = IPv4Address | IPv6Address

DEFAULT_PORTS = frozenset({80, 443})
_NAME = re.compile(r"[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?")
_BRACKETED = re.compile(r"\[([^\]]*)\](?::(\d+))?")
_WITH_PORT = re.compile(r"([^:]+):(\d+)")


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing allowed: what a URL calls its host, or a network its addresses lie in."""

    place: str | Address | IPv4Network | IPv6Network
    ports: frozenset[int]

    def admits(self, host: str, address: Address, port: int) -> bool:
        """Whether a connection to *address*, which *host* in a URL stands for, is allowed.

        An address without a prefix length is matched as a name is: a URL has to spell it. A name
        that somebody else points at it does not profit from the entry.
        """
        if port not in self.ports:
            return False
        if isinstance(self.place, IPv4Network | IPv6Network):
            return address in self.place
        if isinstance(self.place, str):
            return host.rstrip(".").lower() == self.place
        return literal(host) == self.place


@dataclass(frozen=True, slots=True)
class AllowList:
    """All entries; whatever none of them admits is judged by the table of public addresses."""

    entries: tuple[Entry, ...]

    @classmethod
    def parse(cls, texts: Iterable[str]) -> Self:
        """Read `host`, `host:port`, `[v6]:port`, addresses and networks in CIDR notation.

        An entry without a port means 80 and 443.

        Raises:
            InvalidSetting: names the entry that is none of these.
        """
        return cls(tuple(_entry(text.strip()) for text in texts if text.strip()))

    def admits(self, host: str, address: Address, port: int) -> bool:
        """Whether any entry allows this connection."""
        return any(entry.admits(host, address, port) for entry in self.entries)

    def knows_port(self, port: int) -> bool:
        """Whether any connection to *port* can be allowed at all."""
        return port in DEFAULT_PORTS or any(port in entry.ports for entry in self.entries)


def entry_for(url: str) -> str:
    """The entry that allows exactly the host and port of *url*, as naming an upstream does.

    Raises:
        InvalidSetting: *url* is not http(s) with a host.
    """
    try:
        parsed = httpx2.URL(url)
    except httpx2.InvalidURL as error:
        raise InvalidSetting(f"{url[:200]!r} is not a URL") from error
    host = parsed.raw_host.decode("ascii")
    if parsed.scheme not in {"http", "https"} or not host:
        raise InvalidSetting(f"{url[:200]!r} must begin with http:// or https:// and a host")
    port = parsed.port or (443 if parsed.scheme == "https" else 80)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def literal(host: str) -> Address | None:
    """The address *host* spells in canonical form; None for names and odd spellings."""
    try:
        return ip_address(host)
    except ValueError:
        return None


def _entry(text: str) -> Entry:
    bracketed = _BRACKETED.fullmatch(text)
    if bracketed:
        return Entry(_place(bracketed[1], text), _ports(bracketed[2], text))
    with_port = _WITH_PORT.fullmatch(text)
    if with_port:
        return Entry(_place(with_port[1], text), _ports(with_port[2], text))
    return Entry(_place(text, text), DEFAULT_PORTS)


def _ports(digits: str | None, text: str) -> frozenset[int]:
    if digits is None:
        return DEFAULT_PORTS
    if not 1 <= int(digits) <= 65535:
        raise InvalidSetting(f"egress_allow: {text!r} names a port that does not exist")
    return frozenset({int(digits)})


def _place(text: str, whole: str) -> str | Address | IPv4Network | IPv6Network:
    address = literal(text)
    if address is not None:
        return address
    try:
        return ip_network(text, strict=False) if "/" in text else _name(text)
    except ValueError as error:
        raise InvalidSetting(
            f"egress_allow: {whole!r} is not a host, host:port, address or network;"
            " leave out the scheme and the path"
        ) from error


def _name(text: str) -> str:
    name = text.rstrip(".").lower()
    if not _NAME.fullmatch(name):
        raise ValueError(name)
    return name
