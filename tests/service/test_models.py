"""What the operator's file declares and what is kept of it agree after every start."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from tests.store.test_models import GREETER, accept, end

from darkroom.compose.hardware import CPU
from darkroom.domain.deployment import Configuration
from darkroom.domain.errors import AlreadyExists, NotAllowed, StillNeeded, VersionNotRunnable
from darkroom.domain.ids import Owner, VersionId
from darkroom.domain.model import Model, Origin, Visibility
from darkroom.domain.prediction import Milliseconds
from darkroom.ports.models import Kept, ModelChange
from darkroom.service.catalogue import Catalogue, load_catalogue
from darkroom.service.models import Models
from darkroom.service.runs import Runs
from darkroom.store.database import Database
from darkroom.store.deployments import DeploymentTables
from darkroom.store.models import ModelTables
from darkroom.store.sqlite import open_sqlite

ACME = Owner("acme")
SAY: Mapping[str, Mapping[str, object]] = {"acme/say": {"runner": "echo-text"}}


async def started(database: Database, declared: Mapping[str, Mapping[str, object]]) -> Models:
    models = Models(store=ModelTables(database), catalogue=load_catalogue(declared), runs=Runs(),
                    hardware=[CPU])  # fmt: skip
    await models.load()
    return models


def versions(catalogue: Catalogue) -> list[VersionId]:
    return [one.id for one in catalogue.model("acme", "say").versions]


async def test_a_deleted_version_of_a_declared_model_stays_deleted(tmp_path: Path) -> None:
    async with open_sqlite(tmp_path / "a.db") as database:
        models = await started(database, SAY)
        model, version = models.catalogue.resolve("acme/say")
        with pytest.raises(NotAllowed, match="belongs to acme"):
            await models.delete_version(model, version, by=Owner("bob"))
        await models.delete_version(model, version, by=ACME)
        assert versions(models.catalogue) == []
    async with open_sqlite(tmp_path / "a.db") as database:
        models = await started(database, SAY)
        assert versions(models.catalogue) == []
        with pytest.raises(VersionNotRunnable):
            models.catalogue.resolve(f"acme/say:{version.id}")
        assert models.catalogue.version(version.id)[1].kind == "echo-text"


async def test_a_version_that_a_deployment_runs_stays(tmp_path: Path) -> None:
    async with open_sqlite(tmp_path / "a.db") as database:
        models = await started(database, SAY)
        model, version = models.catalogue.resolve("acme/say")
        runs = Configuration(model="acme/say", version=version.id, hardware="cpu",
                             min_instances=0, max_instances=1)  # fmt: skip
        await DeploymentTables(database).add("d1", ACME, "mine", runs, most=1)
        with pytest.raises(StillNeeded, match="A deployment runs the version"):
            await models.delete_version(model, version, by=ACME)

        assert versions(models.catalogue) == [version.id]


async def test_a_name_of_the_file_whose_trained_versions_are_left_is_not_free(
    tmp_path: Path,
) -> None:
    async with open_sqlite(tmp_path / "a.db") as database:
        models = await started(database, {})
        await accept(database, "t1")
        await end(database, "t1")
        with pytest.raises(AlreadyExists, match=r"one did in darkroom\.yaml"):
            await models.create(GREETER, by=Owner("ada"), admin=False)


async def test_a_declared_model_is_changed_in_the_file_and_is_a_destination(
    tmp_path: Path,
) -> None:
    async with open_sqlite(tmp_path / "a.db") as database:
        models = await started(database, SAY)
        model = models.catalogue.model("acme", "say")
        with pytest.raises(NotAllowed, match=r"darkroom\.yaml"):
            await models.change(model, ModelChange(), by=ACME)
        with pytest.raises(NotAllowed, match=r"darkroom\.yaml"):
            await models.delete(model, by=ACME)
        assert models.destination("acme/say", by=ACME) is model


async def test_a_model_of_the_file_goes_before_one_that_was_made(tmp_path: Path) -> None:
    made = Model(owner="acme", name="say", description="made", official=False, versions=(),
                 created_at=Milliseconds(0), origin=Origin.MADE, hardware="cpu")  # fmt: skip
    async with open_sqlite(tmp_path / "a.db") as database:
        models = await started(database, {})
        await models.create(made, by=ACME, admin=False)
        assert models.catalogue.model("acme", "say").origin is Origin.MADE
    async with open_sqlite(tmp_path / "a.db") as database:
        models = await started(database, SAY)
        assert models.catalogue.model("acme", "say").origin is Origin.DECLARED
    async with open_sqlite(tmp_path / "a.db") as database:
        assert (await started(database, {})).catalogue.model("acme", "say").description == "made"


class SlowTables(ModelTables):
    """What is kept is read first, and answered when a test lets go of it."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.read, self.go = asyncio.Event(), asyncio.Event()

    async def kept(self) -> Kept:
        found = await super().kept()
        self.read.set()
        await self.go.wait()
        return found


async def test_what_was_read_before_a_change_here_does_not_undo_it(tmp_path: Path) -> None:
    async with open_sqlite(tmp_path / "a.db") as database:
        here = await started(database, {})
        model = await here.create(GREETER, by=Owner("ada"), admin=False)
        await ModelTables(database).change(GREETER, ModelChange(description="elsewhere"))
        slow = SlowTables(database)
        refreshing = asyncio.create_task(replace(here, store=slow).refresh())
        await slow.read.wait()
        await here.change(model, ModelChange(visibility=Visibility.PUBLIC), by=Owner("ada"))
        await accept(database, "t1")
        here.learn(await end(database, "t1"))
        slow.go.set()
        await refreshing

        known = here.catalogue.model("ada", "greeter")
        assert (known.description, known.visibility) == ("elsewhere", Visibility.PUBLIC)
        assert len(known.versions) == 1


async def test_a_name_that_another_server_has_given_away_is_known_once_it_is_refused(
    tmp_path: Path,
) -> None:
    async with open_sqlite(tmp_path / "a.db") as database:
        here = await started(database, {})
        await ModelTables(database).add(GREETER)
        with pytest.raises(AlreadyExists, match="already exists"):
            await here.create(GREETER, by=Owner("ada"), admin=False)

        assert here.catalogue.holds(GREETER.path)
