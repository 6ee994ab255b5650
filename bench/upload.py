"""One long upload: how much memory it costs the server, and how fast it goes to disk."""

import os
import socket
import threading
import time

from bench.contenders import KEY, darkroom_recipe
from bench.figures import Figure, at_most, plain
from bench.processes import resident_mb
from bench.servers import Running, running

FILE_BYTES = 90_000_000
PIECE_BYTES = 2**18
MEMORY_GOAL_MB = 30.0
SAMPLE_SECONDS = 0.005
BOUNDARY = "a-line-between-parts"


def figures() -> list[Figure]:
    with running(darkroom_recipe("upload")) as server:
        _uploaded(server, 1_000)  # whatever the first request loads is loaded
        idle = resident_mb(server.pid)
        peak, seconds = _watched(server)
    return [
        at_most("upload of 90 MB: memory above idle", peak - idle, "MB", MEMORY_GOAL_MB),
        plain("upload of 90 MB: speed", FILE_BYTES / 1e6 / seconds, "MB/s"),
    ]


def _watched(server: Running) -> tuple[float, float]:
    """The server's greatest resident memory while it takes the file, and the time it took."""
    over = threading.Event()
    peaks: list[float] = []

    def watch() -> None:
        while not over.wait(SAMPLE_SECONDS):
            peaks.append(resident_mb(server.pid))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        began = time.perf_counter()
        _uploaded(server, FILE_BYTES)
        return max(peaks), time.perf_counter() - began
    finally:
        over.set()
        watcher.join()


def _uploaded(server: Running, size: int) -> None:
    first = (
        f"--{BOUNDARY}\r\n"
        'Content-Disposition: form-data; name="content"; filename="long.bin"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    ).encode()
    last = f"\r\n--{BOUNDARY}--\r\n".encode()
    head = (
        "POST /v1/files HTTP/1.1\r\n"
        f"Host: 127.0.0.1:{server.port}\r\n"
        f"Authorization: Bearer {KEY}\r\n"
        f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n"
        f"Content-Length: {len(first) + size + len(last)}\r\n"
        "Connection: close\r\n\r\n"
    ).encode()
    piece = os.urandom(PIECE_BYTES)
    with socket.create_connection(("127.0.0.1", server.port), 60) as connection:
        connection.sendall(head + first)
        for sent in range(0, size, PIECE_BYTES):
            connection.sendall(piece[: min(PIECE_BYTES, size - sent)])
        connection.sendall(last)
        answer = connection.recv(65536)
    assert answer.startswith(b"HTTP/1.1 201"), answer[:400]
