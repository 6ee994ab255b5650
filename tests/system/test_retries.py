"""Clients that lose the answer to a creation, against a real server; and a server that dies."""

import json
import socket
import struct
from collections.abc import Callable, Generator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.support.processes import KEY, Server

RESET = struct.pack("ii", 1, 0)
INPUT = {"image": "data:,x"}
BODY: dict[str, object] = {"version": "darkroom/echo", "input": INPUT}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Generator[Server]:
    with Server(tmp_path_factory.mktemp("server"), workers="0") as running:
        yield running


def request(body: object, *headers: str) -> bytes:
    data = json.dumps(body).encode()
    head = [
        "POST /v1/predictions HTTP/1.1",
        "Host: localhost",
        f"Authorization: Bearer {KEY}",
        f"Content-Length: {len(data)}",
        *headers,
    ]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + data


def opened(server: Server) -> socket.socket:
    parts = urlsplit(server.url)
    return socket.create_connection((parts.hostname, parts.port or 0), timeout=60)


def answer(sock: socket.socket) -> tuple[str, dict[str, object]]:
    """Head in lower case, and JSON, of an answer that is read to its end."""
    with sock.makefile("rb") as file:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += file.readline()
        told = head.decode().lower()
        length = int(told.partition("content-length: ")[2].split("\r\n")[0])
        return told, json.loads(file.read(length))


def closes_at_once(_sock: socket.socket) -> None:
    """Nothing: it is closed anyway."""


def resets_at_once(sock: socket.socket) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)


def closes_its_half(sock: socket.socket) -> None:
    sock.shutdown(socket.SHUT_WR)
    sock.recv(100)


def leaves_the_answer_unread(sock: socket.socket) -> None:
    sock.recv(1, socket.MSG_PEEK)


def leaves_half_of_it_unread(sock: socket.socket) -> None:
    sock.recv(100)


WAITING = ("Prefer: wait=30",)
LEAVING: list[tuple[Callable[[socket.socket], None], tuple[str, ...]]] = [
    (closes_at_once, ()),
    (closes_at_once, WAITING),
    (resets_at_once, ()),
    (resets_at_once, WAITING),
    (closes_its_half, ()),
    (closes_its_half, WAITING),
    (leaves_the_answer_unread, ()),
    (leaves_half_of_it_unread, ()),
]


def _name(one: object) -> str:
    return getattr(one, "__name__", "waiting" if one else "at once")


def created(server: Server) -> list[str]:
    results = server.client.get("/v1/predictions").json()["results"]
    return [one["id"] for one in results]


@pytest.mark.parametrize(("leaves", "headers"), LEAVING, ids=lambda one: _name(one))
def test_a_client_that(
    server: Server, leaves: Callable[[socket.socket], None], headers: tuple[str, ...]
) -> None:
    before = set(created(server))
    body = {**BODY, "input": {"image": f"data:,{leaves.__name__}{len(headers)}"}}
    sent = request(body, *headers)
    for _ in range(6):
        with opened(server) as sock:
            sock.sendall(sent)
            leaves(sock)
    with opened(server) as sock:
        sock.sendall(request(body))
        told, shown = answer(sock)
        made = set(created(server)) - before
        sock.sendall(request(body))
        again, other = answer(sock)

    assert "orphan-adopted: true" in told
    assert made == {shown["id"]}
    assert "orphan-adopted" not in again
    assert other["id"] != shown["id"]


@pytest.mark.parametrize("last", [False, True], ids=["kept", "closed"])
def test_a_client_that_reads_its_answers_gets_a_picture_each(server: Server, *, last: bool) -> None:
    body = {**BODY, "input": {"image": f"data:,read{last}"}}
    ids: set[object] = set()
    for _ in range(4):
        with opened(server) as sock:
            sock.sendall(request(body, *(["Connection: close"] if last else [])))
            told, shown = answer(sock)
            assert "orphan-adopted" not in told
            ids.add(shown["id"])

    assert len(ids) == 4


@pytest.mark.fault(1)
def test_what_a_killed_server_may_not_have_told_is_adopted_once(tmp_path: Path) -> None:
    with Server(tmp_path, workers="0") as server:
        first = server.create("darkroom/echo", INPUT)
        named = server.create("darkroom/echo", {"image": "data:,k"}, **{"Idempotency-Key": "k"})
        server.kill()
        server.start()
        repeated = [server.create("darkroom/echo", INPUT) for _ in range(2)]
        again = server.create("darkroom/echo", {"image": "data:,k"}, **{"Idempotency-Key": "k"})

        assert [one["id"] == first["id"] for one in repeated] == [True, False]
        assert again["id"] == named["id"]
        assert len(created(server)) == 3


def test_what_a_server_has_told_before_an_orderly_stop_is_not_adopted(tmp_path: Path) -> None:
    with Server(tmp_path, workers="0") as server:
        body = {**BODY, "input": {"image": "data:,untold"}}
        with opened(server) as sock:
            sock.sendall(request(body))
            sock.recv(1, socket.MSG_PEEK)
        told = server.create("darkroom/echo", {"image": "data:,told"})
        server.stop()
        server.start()

        assert server.create("darkroom/echo", {"image": "data:,told"})["id"] != told["id"]
        with opened(server) as sock:
            sock.sendall(request(body))
            assert "orphan-adopted: true" in answer(sock)[0]
        assert len(created(server)) == 3


def test_limits_are_those_of_the_settings(tmp_path: Path) -> None:
    with Server(tmp_path, workers="0", rate_limit="2", queue_limit="1") as server:
        statuses = [server.client.post("/v1/predictions", json=BODY).status_code for _ in range(3)]
        left = server.client.get("/v1/account").headers["ratelimit-remaining"]

    assert (statuses, left) == ([201, 429, 429], "9")
