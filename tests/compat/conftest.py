"""One real server for each module, and what clients meet beside it."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from tests.compat.install import CLIENTS
from tests.compat.support.programs import Meet, Meeting, Surroundings, run
from tests.compat.support.proxy import Proxy
from tests.compat.support.receiver import Receiver
from tests.compat.support.serving import address, serving
from tests.support.pictures import png
from tests.support.processes import KEY, Server


@pytest.fixture(scope="session", autouse=True)
def installed() -> None:
    """The clients, as they are pinned."""
    stale = [client.name for client in CLIENTS if not client.current]
    assert not stale, f"{', '.join(stale)}: not installed as pinned; run `make clients`"


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with serving(Receiver()) as running:
        yield running


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, receiver: Receiver) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("server")
    (folder / "picture.png").write_bytes(png())
    with Server(folder, egress_allow=address(receiver)) as running:
        yield running


@pytest.fixture(scope="module")
def meet(server: Server, receiver: Receiver) -> Meet:
    """Runs a client's program against the server, with a faulty proxy of its own."""

    def met(command: Sequence[str | Path], **environment: str) -> Meeting:
        with serving(Proxy(server.url.removeprefix("http://"))) as proxy:
            surroundings = Surroundings(
                url=server.url,
                key=KEY,
                receiver=f"http://{address(receiver)}",
                proxy=f"http://{address(proxy)}",
                picture=server.folder / "picture.png",
            )
            told = run(command, surroundings, **environment)
        return Meeting(told=told, requests=proxy.requests, server=server)

    return met
