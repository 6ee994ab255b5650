"""Every promise of the store is tried on both databases."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import cast

import pytest
from tests.store.places import Loop, Place, SqlitePlace, postgres_place


@pytest.fixture(scope="session")
def postgres_loop() -> Iterator[Loop]:
    with closing(Loop()) as loop:
        yield loop


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    if request.param == "sqlite":
        with closing(SqlitePlace(tmp_path / "a.db")) as made:
            yield made
        return
    url = cast("str", request.getfixturevalue("postgres_url"))
    loop = cast("Loop", request.getfixturevalue("postgres_loop"))
    with postgres_place(loop, url) as made:
        yield made
