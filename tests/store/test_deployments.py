"""Deployments in the store: one name an owner, releases in order, and which versions are in use."""

import re
from collections.abc import AsyncGenerator
from dataclasses import replace

import pytest
from tests.store.places import Place

from darkroom.domain.deployment import Configuration, Deployment
from darkroom.domain.ids import Owner, VersionId
from darkroom.service.catalogue import load_catalogue
from darkroom.store.deployments import DeploymentTables
from darkroom.store.models import ModelTables
from darkroom.store.rows import Parameters

ADA, BOB = Owner("ada"), Owner("bob")
FIRST, SECOND = VersionId("1" * 64), VersionId("2" * 64)
PLAIN = Configuration(
    model="acme/portraits", version=FIRST, hardware="cpu", min_instances=0, max_instances=1
)


@pytest.fixture
async def store(place: Place) -> AsyncGenerator[DeploymentTables]:
    async with place.opened() as database:
        yield DeploymentTables(database)


async def added(store: DeploymentTables, id_: str = "d1", owner: Owner = ADA) -> Deployment:
    made = await store.add(id_, owner, "portraits", PLAIN, most=9)
    assert made is not None
    return made


async def test_what_was_added_is_found_again_by_its_owner_alone(store: DeploymentTables) -> None:
    made = await added(store)

    assert await store.get(ADA, "portraits") == made
    assert await store.get(BOB, "portraits") is None
    assert made.release.created_at > 0


async def test_a_taken_name_changes_nothing(store: DeploymentTables) -> None:
    made = await added(store)
    again = await store.add("d2", ADA, "portraits", replace(PLAIN, max_instances=9), most=9)

    assert again is None
    assert await store.get(ADA, "portraits") == made
    assert (await added(store, "d3", BOB)).owner == BOB


async def test_a_release_is_made_once_from_the_one_that_was_seen(
    store: DeploymentTables, place: Place
) -> None:
    made = await added(store)
    second = await store.release(made, replace(PLAIN, version=SECOND))
    late = await store.release(made, replace(PLAIN, max_instances=9))

    assert second is not None
    assert (second.release.number, late) == (2, None)
    assert await store.get(ADA, "portraits") == second
    kept = place.hand().execute("select number, version from releases order by number")
    assert kept.fetchall() == [(1, FIRST), (2, SECOND)]


async def test_a_version_is_not_deleted_while_a_current_release_runs_it(place: Place) -> None:
    first, second = (
        replace(load_catalogue({}).resolve("darkroom/echo")[1], id=id_) for id_ in (FIRST, SECOND)
    )
    async with place.opened() as database:
        store, models = DeploymentTables(database), ModelTables(database)
        made = await added(store)
        assert not await models.delete_version(first)
        await store.release(made, replace(PLAIN, version=SECOND))
        assert await models.delete_version(first)
        assert not await models.delete_version(second)
        deleted = await store.delete(ADA, "portraits"), await store.delete(ADA, "portraits")
        assert deleted == (True, False)
        assert [await models.delete_version(second) for _ in range(2)] == [True, True]
        assert sorted((await models.kept()).deleted) == [FIRST, SECOND]


async def test_an_owner_has_only_so_many(store: DeploymentTables) -> None:
    made = [await store.add(f"d{n}", ADA, f"n{n}", PLAIN, most=2) for n in range(3)]
    others = await store.add("d9", BOB, "n", PLAIN, most=2)

    assert [one is not None for one in (*made, others)] == [True, True, False, True]
    assert await store.get(ADA, "n2") is None


async def test_a_deleted_name_begins_anew(store: DeploymentTables) -> None:
    made = await added(store)
    await store.delete(ADA, "portraits")

    assert await store.release(made, PLAIN) is None
    assert (await added(store, "d2")).release.number == 1


PLANS: list[tuple[str, Parameters, str]] = [
    (
        "deployment",
        {"owner": "a", "name": "n"},
        "sqlite_autoindex_deployments|deployments_owner_name_key",
    ),
    ("deployments_down", {"owner": "a", "edge": "~", "size": 9}, "deployments_owner"),
    ("deployments_up", {"owner": "a", "edge": "", "size": 9}, "deployments_owner"),
]


@pytest.mark.parametrize(("name", "parameters", "index"), PLANS, ids=[name for name, *_ in PLANS])
async def test_statements_use_their_index(
    store: DeploymentTables, place: Place, name: str, parameters: Parameters, index: str
) -> None:
    assert not await store.delete(ADA, "none")
    plan = " ".join(place.hand().plan(name, parameters))

    assert re.search(index, plan)
    assert not re.search("SCAN|Seq Scan", plan)
