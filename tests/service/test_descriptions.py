"""A worker hears from each server what its versions are, whatever the last one told it."""

from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

import pytest
from tests.support import rig as rigs
from tests.support.rig import Rig

from darkroom.protocol.messages import Beat, Know
from darkroom.service.catalogue import Catalogue, load_catalogue, to_spec

ENTRIES = {
    "acme/parrot": {"runner": "echo-text"},
    "acme/other": {"runner": "echo-text"},
    "acme/far": {"runner": "echo-text", "pool": "far"},
}


@pytest.fixture
def catalogue() -> Catalogue:
    return load_catalogue(ENTRIES)


@pytest.fixture
async def rig(tmp_path: Path, catalogue: Catalogue) -> AsyncGenerator[Rig]:
    async with rigs.rig(tmp_path, catalogue=catalogue) as made:
        yield made


def version(catalogue: Catalogue, name: str) -> str:
    return catalogue.model("acme", name).latest.id


def has_loaded(rig: Rig, *versions: str) -> None:
    assert rig.worker.seat is not None
    rig.dispatcher.beat(rig.worker.seat, Beat([], list(versions)))


def told(rig: Rig) -> Sequence[str]:
    """The models of what the worker was told of, and how often it got a job."""
    return [
        one.version.model if isinstance(one, Know) else type(one).__name__
        for one in rig.worker.sent
    ]


async def order(rig: Rig, number: int) -> None:
    await rig.create(version="acme/parrot", input={"prompt": "x"})
    await rig.worker.succeed(await rig.worker.job(number))


async def test_the_first_job_on_each_connection_comes_behind_a_description(rig: Rig) -> None:
    await rig.worker.rejoin()
    await order(rig, 0)
    await order(rig, 1)
    rig.worker.leave()
    await rig.worker.rejoin()
    await order(rig, 2)

    assert told(rig) == ["acme/parrot", "Job", "Job", "acme/parrot", "Job"]


async def test_what_a_worker_that_comes_has_loaded_is_described_to_it_at_once(
    rig: Rig, catalogue: Catalogue
) -> None:
    parrot, other = (version(catalogue, name) for name in ("parrot", "other"))
    await rig.worker.rejoin()
    has_loaded(rig, parrot)
    has_loaded(rig, parrot)
    has_loaded(rig, parrot, other)
    await order(rig, 0)

    assert told(rig) == ["acme/parrot", "acme/other", "Job"]
    assert rig.worker.sent[0] == Know(to_spec(catalogue.version(parrot)[1]))


async def test_a_worker_learns_nothing_of_other_pools_or_of_what_is_not_there(
    rig: Rig, catalogue: Catalogue
) -> None:
    await rig.worker.rejoin()
    has_loaded(rig, version(catalogue, "far"), "0" * 64)

    assert told(rig) == []
