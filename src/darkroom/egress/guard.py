"""The network below every outgoing request: it dials only addresses it has judged itself.

A name is resolved once, every answer is judged, and the judged literal is dialled, so that a
name which changes its answer between check and connection gains nothing. TLS still checks the
name, because the layer above names it.
"""

import asyncio
import socket
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import asynccontextmanager
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import cast

import httpcore2
import structlog
from ssrfguard import DEFAULT_DENIED

from darkroom.domain.errors import EgressDenied
from darkroom.egress.allow import DEFAULT_PORTS, Address, AllowList, literal
from darkroom.egress.handshake import ClosingStream

DNS_SECONDS = 5.0
CONNECT_SECONDS = 5.0
LOOKUPS_AT_ONCE = 8
MOST_DIALLED = 4
_ISATAP = frozenset({0x00005EFE, 0x02005EFE})
_CARRIERS = tuple(map(IPv6Network, ("::/96", "::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96")))
_GLOBAL_UNICAST = IPv6Network("2000::/3")
_HOST_OF_AZURE = IPv4Address("168.63.129.16")

Resolver = Callable[[str], Sequence[str]]
"""From a host name to the addresses it has now, as text; called in a thread."""


def resolve_by_system(host: str) -> Sequence[str]:
    """Ask the system's resolver.

    Raises:
        OSError: the name has no address.
    """
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(one[4][0]) for one in found))


def is_public(address: Address) -> bool:
    """Whether anyone on the internet may be meant by *address*.

    The table judges first. Added to it are Azure's address of the machine below, which is public
    only by its number; whatever of IPv6 nobody has been given yet; and the forms that carry an
    IPv4 address, which are judged by that one.

    Source: RFC 4291 sections 2.4 and 2.5.5, RFC 2765 section 2.1 (translated), RFC 6052 section
    2.1, RFC 3056, RFC 4380 and RFC 5214 section 6.1 (ISATAP).
    """
    if DEFAULT_DENIED.classify(address).blocked or address == _HOST_OF_AZURE:
        return False
    if isinstance(address, IPv4Address):
        return True
    if any(address in carrier for carrier in _CARRIERS):
        return is_public(_last_four(address))
    carried = _carried(address)
    return address in _GLOBAL_UNICAST and (carried is None or is_public(carried))


def _carried(address: IPv6Address) -> IPv4Address | None:
    if address.teredo:
        return address.teredo[1]
    if int(address) >> 32 & 0xFFFFFFFF in _ISATAP:
        return _last_four(address)
    return address.sixtofour


def _last_four(address: IPv6Address) -> IPv4Address:
    return IPv4Address(int(address) & 0xFFFFFFFF)


@asynccontextmanager
async def guarded_pool(
    allow: AllowList, resolve: Resolver, network: httpcore2.AsyncNetworkBackend | None
) -> AsyncGenerator[httpcore2.AsyncConnectionPool]:
    """Connections through the guard, each for one request, until the block ends.

    Args:
        allow: what may be reached beyond public addresses on ports 80 and 443.
        resolve: blocking; a lookup that hangs then is left to its thread.
        network: what dials the judged addresses; the system's if it is None.
    """
    threads = ThreadPoolExecutor(LOOKUPS_AT_ONCE, thread_name_prefix="resolve")
    try:
        async with httpcore2.AsyncConnectionPool(
            ssl_context=await asyncio.to_thread(httpcore2.default_ssl_context),
            max_connections=None,
            max_keepalive_connections=0,
            network_backend=GuardedBackend(allow, resolve, threads, network),
        ) as pool:
            yield pool
    finally:
        threads.shutdown(wait=False, cancel_futures=True)


class GuardedBackend(httpcore2.AsyncNetworkBackend):
    """Resolve, judge, dial; the sockets of an httpcore2 pool are opened through it.

    Args:
        allow: what may be reached beyond public addresses on ports 80 and 443.
        resolve: blocking; runs in *threads*.
        threads: where names are looked up; a lookup that hangs holds one of them.
        network: what dials the judged addresses.
    """

    def __init__(
        self,
        allow: AllowList,
        resolve: Resolver,
        threads: Executor,
        network: httpcore2.AsyncNetworkBackend | None = None,
    ) -> None:
        self._allow = allow
        self._resolve = resolve
        self._threads = threads
        self._network = network or cast("httpcore2.AsyncNetworkBackend", httpcore2.AnyIOBackend())

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  # httpcore2's signature
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Open a connection to one of the judged addresses of *host*.

        Raises:
            EgressDenied: why, in words for a user and without an address.
            httpcore2.ConnectError: the name has no address, or nobody answers there.
        """
        addresses = await self._judged(host, port)
        share = (timeout or CONNECT_SECONDS) / len(addresses)
        trouble: Exception | None = None
        for address in addresses:
            try:
                return ClosingStream(
                    await self._network.connect_tcp(
                        str(address), port, share, local_address, socket_options
                    )
                )
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                trouble = error
        raise httpcore2.ConnectError("no address of the host answers") from trouble

    async def connect_unix_socket(
        self,
        path: str,  # noqa: ARG002  # httpcore2's signature
        timeout: float | None = None,  # noqa: ARG002, ASYNC109
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,  # noqa: ARG002
    ) -> httpcore2.AsyncNetworkStream:
        """Refuse: nothing outside the machine is a path."""
        raise EgressDenied("local sockets are not spoken to")

    async def sleep(self, seconds: float) -> None:
        """Wait, as a pool does between tries."""
        await asyncio.sleep(seconds)

    async def _judged(self, host: str, port: int) -> Sequence[Address]:
        if not self._allow.knows_port(port):
            raise _denied(host, port, f"port {port} is not spoken to")
        addresses = await self._addresses(host)
        for address in addresses:
            if self._allow.admits(host, address, port):
                continue
            if port not in DEFAULT_PORTS:
                raise _denied(host, port, f"port {port} is not spoken to")
            if not is_public(address):
                raise _denied(host, port, "its address is private or reserved")
        return addresses[:MOST_DIALLED]

    async def _addresses(self, host: str) -> Sequence[Address]:
        spelled = literal(host)
        if spelled is not None:
            return [spelled]
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(DNS_SECONDS):
                found = await loop.run_in_executor(self._threads, self._resolve, host)
            addresses = [ip_address(text) for text in found]
        except (OSError, UnicodeError, ValueError) as error:
            raise httpcore2.ConnectError("the name cannot be resolved") from error
        if not addresses:
            raise httpcore2.ConnectError("the name has no address")
        return addresses


def _denied(host: str, port: int, reason: str) -> EgressDenied:
    structlog.get_logger().info("egress.denied", host=host, port=port, reason=reason)
    place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return EgressDenied(f"{reason}; an operator can allow it with DARKROOM_EGRESS_ALLOW={place}")
