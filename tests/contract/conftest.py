"""A live server for the requests of this room."""

from collections.abc import Iterator

import pytest
from tests.contract.living import Living
from tests.support.processes import Server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("contract")) as running:
        yield running


@pytest.fixture(scope="module")
def living(server: Server) -> Living:
    return Living(server)
