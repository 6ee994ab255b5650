"""A model runs in its pool: an entry names it, and what waits follows it."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from tests.support.hands import HandWorker
from tests.support.rig import rig

from darkroom.domain.errors import InvalidSetting
from darkroom.service.catalogue import load_catalogue


def test_an_entry_names_the_pool_of_its_model_and_of_its_trainer() -> None:
    catalogue = load_catalogue({"darkroom/echo-text": {"runner": "echo-text", "pool": "far-away"}})
    version = catalogue.model("darkroom", "echo-text").versions[0]
    assert version.pool == "far-away"
    assert version.trainer is not None
    assert version.trainer.pool == "far-away"
    assert catalogue.model("darkroom", "echo").versions[0].pool == "default"


def test_a_pool_makes_no_other_version() -> None:
    plain = load_catalogue({"acme/echo": {"runner": "echo"}})
    moved = load_catalogue({"acme/echo": {"runner": "echo", "pool": "gpu"}})
    one, other = (each.model("acme", "echo").versions[0].id for each in (plain, moved))
    assert one == other


@pytest.mark.parametrize("pool", ["", "GPU", "a_b", "-"])
def test_a_pool_with_an_unfit_name_is_refused(pool: str) -> None:
    with pytest.raises(InvalidSetting, match=r"acme/echo.*pool: must be 1 to 40"):
        load_catalogue({"acme/echo": {"runner": "echo", "pool": pool}})


async def test_what_waits_follows_its_model_to_another_pool_at_the_next_start(
    tmp_path: Path,
) -> None:
    async with rig(tmp_path) as here:
        shown = await here.create()
        with closing(sqlite3.connect(tmp_path / "darkroom.db", isolation_level=None)) as rows:
            rows.execute("update predictions set pool = 'before'")
            await here.dispatcher.recover()
            assert rows.execute("select pool from predictions").fetchall() == [("default",)]

        here.worker.join()
        assert (await here.worker.job()).id == shown["id"]


async def test_a_worker_of_another_pool_is_not_asked(tmp_path: Path) -> None:
    async with rig(tmp_path) as here:
        other = HandWorker(here.dispatcher, here.blobs)
        await other.rejoin(name="other", pool="gpu")
        await here.create()
        here.worker.join()
        await here.worker.job()
        assert other.jobs == []
