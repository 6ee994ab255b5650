"""Ports of the loopback for servers that do not choose one themselves."""

import socket
from pathlib import Path
from random import SystemRandom

_GIVEN_AWAY = Path("/proc/sys/net/ipv4/ip_local_port_range")
_FIRST = 16_384
_TRIES = 100


def free_port() -> int:
    """A port that nobody listens on, and that the system gives to nobody who asks for any.

    Of those that it gives away, another test could have one before the server that it is for, or
    while that one is started anew.
    """
    ours = range(_FIRST, int(_GIVEN_AWAY.read_text().split()[0]))
    for port in SystemRandom().sample(ours, min(_TRIES, len(ours))):
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            continue
        return port
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])
