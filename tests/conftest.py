"""What tests of more than one room stand on."""

import os
from collections.abc import Iterator

import pytest
from tests.support.postgres import URL_VARIABLE, cluster


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A PostgreSQL in which databases may be made: the one that is named, or one of our own."""
    named = os.environ.get(URL_VARIABLE)
    if named:
        yield named
        return
    with cluster() as made:
        yield made.url
