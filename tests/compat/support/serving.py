"""HTTP servers of our own on loopback, on threads, since clients run while a test waits."""

import threading
from collections.abc import Generator
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from typing import TypeVar

_Served = TypeVar("_Served", bound=ThreadingHTTPServer)


@contextmanager
def serving(server: _Served) -> Generator[_Served]:
    """Serve until the block ends."""
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def address(server: ThreadingHTTPServer) -> str:
    """`host:port` of *server*."""
    return f"127.0.0.1:{server.server_port}"
