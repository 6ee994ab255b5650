"""The proxy of compose.yaml, really run: requests, streams, and a server that dies."""

import subprocess
import time
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import cast

import httpx2
import pytest
from tests.store.places import Loop, postgres_place
from tests.support.answering import answering
from tests.support.deployment import CADDYFILE, program
from tests.support.ports import free_port
from tests.support.processes import DEADLINE_SECONDS, KEY, Server
from tests.support.remote import RemoteWorker

UPSTREAMS = "server-1:8000 server-2:8000"
TEXT = {"version": "darkroom/echo-text", "input": {"prompt": "one two three"}}
TOKEN = "a-token-of-workers-of-our-own"
READY = "serving initial configuration"


@pytest.fixture(scope="module")
def database(postgres_url: str) -> Iterator[str]:
    with closing(Loop()) as loop, postgres_place(loop, postgres_url) as place:
        yield place.url


def test_two_servers_behind_it_are_one_and_one_may_die(database: str, tmp_path: Path) -> None:
    port, *ports = (free_port() for _ in range(3))
    folders = [tmp_path / name for name in ("server-1", "server-2", "proxy")]
    for folder in folders:
        folder.mkdir()
    shared = {"database_url": database, "public_url": f"http://localhost:{port}"}
    with (
        Server(folders[0], **shared, port=str(ports[0])) as first,
        Server(folders[1], **shared, port=str(ports[1])),
        proxied(port, ports, folders[2]) as client,
    ):
        whole = created(client)
        told = stream(created(client))
        first.kill()
        after = [created(client) for _ in range(4)]

    assert urls(whole)["get"].startswith(f"http://localhost:{port}/")
    assert "event: done" in told
    assert [one["status"] for one in after] == ["succeeded"] * 4


def test_a_worker_elsewhere_comes_in_by_the_proxy_and_finds_the_server_that_is_left(
    database: str, tmp_path: Path
) -> None:
    port, *ports = (free_port() for _ in range(3))
    folders = [tmp_path / name for name in ("server-1", "server-2", "proxy", "worker")]
    for folder in folders:
        folder.mkdir()
    shared = {"database_url": database, "workers": "0", "worker_token": TOKEN}
    with (
        Server(folders[0], **shared, port=str(ports[0])) as first,
        Server(folders[1], **shared, port=str(ports[1])) as second,
        proxied(port, ports, folders[2]) as client,
        RemoteWorker(folders[3], f"http://localhost:{port}", TOKEN) as worker,
    ):
        before = created(client)
        here, other = (first, second) if joined(folders[0]) else (second, first)
        here.kill()
        after = [created(client) for _ in range(2)]

        assert joined(other.folder)
        assert worker.stop() == 0

    assert [one["status"] for one in (before, *after)] == ["succeeded"] * 3


def joined(folder: Path) -> bool:
    """Whether the worker has come to the server of *folder*."""
    return "worker.joined" in (folder / "server.log").read_text()


def test_it_asks_for_readiness_under_a_name_that_every_server_takes(tmp_path: Path) -> None:
    port = free_port()
    with answering(200) as asked, proxied(port, [asked.port], tmp_path) as client:
        assert asked.once.wait(DEADLINE_SECONDS)
        client.get("/v1/account")

    assert asked.hosts == {"/readyz": "localhost", "/v1/account": f"localhost:{port}"}


@contextmanager
def proxied(port: int, servers: list[int], folder: Path) -> Generator[httpx2.Client]:
    """A client of the proxy, which stands on *port* before those on *servers*."""
    text = CADDYFILE.read_text("utf-8")
    assert UPSTREAMS in text
    upstreams = " ".join(f"127.0.0.1:{server}" for server in servers)
    path = folder / "Caddyfile"
    path.write_text("{\n\tadmin off\n}\n" + text.replace(UPSTREAMS, upstreams))
    environment = {"SITE_ADDRESS": f":{port}", "HOME": str(folder)}
    with subprocess.Popen(
        [program("caddy"), "run", "--config", path],
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stderr is not None
            told = [process.stderr.readline()]
            while told[-1] and READY not in told[-1]:
                told.append(process.stderr.readline())
            assert READY in told[-1], "".join(told)
            address = f"http://localhost:{port}"
            key = {"Authorization": f"Bearer {KEY}"}
            with httpx2.Client(
                base_url=address, headers=key, timeout=DEADLINE_SECONDS, trust_env=False
            ) as client:
                yield client
        finally:
            process.terminate()


def created(client: httpx2.Client) -> dict[str, object]:
    """A prediction that has ended; until a server is ready the proxy says 503 by itself."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    answer = client.post("/v1/predictions", json=TEXT, headers={"Prefer": "wait"})
    while answer.status_code == 503 and time.monotonic() < deadline:
        answer = client.post("/v1/predictions", json=TEXT, headers={"Prefer": "wait"})
    assert answer.status_code in (201, 202), answer.text
    return cast("dict[str, object]", answer.json())


def stream(shown: dict[str, object]) -> str:
    """All that a prediction's stream tells, at the address that the client was given."""
    url = urls(shown)["stream"]
    return httpx2.get(url, timeout=DEADLINE_SECONDS, trust_env=False).text


def urls(shown: dict[str, object]) -> dict[str, str]:
    return cast("dict[str, str]", shown["urls"])
