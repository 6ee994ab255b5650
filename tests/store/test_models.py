"""What is kept of models is there when the database is opened again, and guards hold inside it."""

from dataclasses import replace

from tests.store.places import Place

from darkroom.domain import training
from darkroom.domain.events import Finished, Published, Report
from darkroom.domain.ids import Owner, PredictionId, WorkerId
from darkroom.domain.model import Model, Origin, Visibility
from darkroom.domain.prediction import (
    JsonText,
    Milliseconds,
    Outcome,
    Prediction,
    Shape,
    StoredFile,
)
from darkroom.ports.models import ModelChange, RunsSoFar
from darkroom.ports.predictions import Acceptance, Holder
from darkroom.service.catalogue import load_catalogue
from darkroom.store import rows
from darkroom.store.database import Database
from darkroom.store.models import ModelTables
from darkroom.store.predictions import PredictionTables

HOLDER = Holder(worker=WorkerId("w"), incarnation=1)
BASE = load_catalogue({}).resolve("darkroom/echo-text")[1]
GREETER = Model(
    owner="ada",
    name="greeter",
    description="Says hello.",
    official=False,
    versions=(),
    created_at=Milliseconds(0),
    origin=Origin.MADE,
    visibility=Visibility.PRIVATE,
    hardware="cpu",
    readme="# hi",
    github_url="https://a.test/g",
    paper_url="https://a.test/p",
    license_url="https://a.test/l",
    cover_image_url="https://a.test/c",
    weights_url="https://a.test/w",
)


async def accept(database: Database, id_: str, **changes: object) -> Prediction:
    trainer = BASE.trainer
    assert trainer is not None
    new = Acceptance(
        id=PredictionId(id_),
        owner=Owner("ada"),
        model=BASE.model,
        version=trainer.id,
        shape=Shape.LIST,
        input=JsonText("{}"),
        destination="ada/greeter",
        holder=HOLDER,
    )
    return await PredictionTables(database).accept(replace(new, **changes))


async def end(database: Database, id_: str, outcome: Outcome = Outcome.SUCCEEDED) -> Prediction:
    weights = StoredFile(prediction=PredictionId(id_), attempt=1, index=0, key="k", name="w",
                         content_type="x/y", size_bytes=1, sha256="")  # fmt: skip
    told = JsonText('"{\\"prefix\\": \\"Ahoy\\"}"')
    ended = await PredictionTables(database).report(
        Report(
            prediction=PredictionId(id_),
            attempt=1,
            started=True,
            events=[Published(index=0, file=weights), Published(index=1, value=told)],
            finished=Finished(outcome=outcome),
        )
    )
    assert ended is not None
    return ended


async def test_a_model_is_read_back_as_it_was_and_as_it_was_changed(place: Place) -> None:
    async with place.opened() as database:
        store = ModelTables(database)
        created_at = await store.add(GREETER)
        assert created_at is not None
        assert await store.add(GREETER) is None
        kept = replace(GREETER, created_at=created_at)
        assert (await store.kept()).made == [kept]
        changed = replace(kept, readme="", github_url=None, visibility=Visibility.PUBLIC)
        change = ModelChange(readme="", github_url="", visibility=Visibility.PUBLIC)
        assert await store.change(GREETER, change) == changed
        assert await store.change(replace(changed, name="other"), change) is None
    async with place.opened() as database:
        assert (await ModelTables(database).kept()).made == [changed]


async def test_a_training_makes_its_version_in_the_transaction_that_ends_it(
    place: Place,
) -> None:
    async with place.opened() as database:
        store = ModelTables(database)
        await store.keep_trainers([BASE, BASE])
        await accept(database, "t1")
        assert (await store.kept()).trained == []
        ended = await end(database, "t1")
        (made,) = (await store.kept()).trained

        listed = training.made(BASE, ended)  # what the server lists without reading it
        assert rows.json_text(made) == rows.json_text(listed)
        assert (made.model, made.kind, made.config) == (
            "ada/greeter",
            "echo-text",
            {"prefix": "Ahoy"},
        )
        assert made.created_at == ended.completed_at
        assert made.trainer is None


async def test_only_success_makes_a_version(place: Place) -> None:
    async with place.opened() as database:
        store = ModelTables(database)
        await store.keep_trainers([BASE])
        for id_, outcome in (("t1", Outcome.FAILED), ("t2", Outcome.CANCELED)):
            await accept(database, id_)
            await end(database, id_, outcome)
        await accept(database, "p1", destination=None)
        await end(database, "p1")
        assert (await store.kept()).trained == []


async def test_the_version_is_that_of_its_beginning_whatever_the_catalogue_says_later(
    place: Place,
) -> None:
    async with place.opened() as database:
        await ModelTables(database).keep_trainers([BASE])
        await accept(database, "t1")
    async with place.opened() as database:
        await end(database, "t1")  # nobody has kept a trainer since
        (made,) = (await ModelTables(database).kept()).trained
        assert [one.name for one in made.inputs] == [one.name for one in BASE.inputs]


async def test_a_model_stays_while_a_training_or_a_version_needs_it(place: Place) -> None:
    async with place.opened() as database:
        store = ModelTables(database)
        await store.keep_trainers([BASE])
        await store.add(GREETER)
        await accept(database, "t1")
        assert not await store.delete(GREETER)
        await end(database, "t1")
        assert not await store.delete(GREETER)
        (made,) = (await store.kept()).trained
        await store.delete_version(made)
        await store.delete_version(made)
        assert (await store.kept()).deleted == [made.id]
        assert await store.delete(GREETER)
        assert not await store.delete(GREETER)
        assert (await store.kept()).trained == [made]


async def test_a_name_stays_taken_while_trained_versions_of_a_model_that_is_gone_are_left(
    place: Place,
) -> None:
    async with place.opened() as database:
        store = ModelTables(database)
        await store.keep_trainers([BASE])
        await accept(database, "t1")  # of a model that darkroom.yaml declares
        await end(database, "t1")
        assert await store.add(GREETER) is None
        await store.add(replace(GREETER, name="other"))
        (made,) = (await store.kept()).trained
        await store.delete_version(made)
        assert await store.add(GREETER) is not None


async def test_runs_are_counted_by_model_version_and_owner_without_trainings(
    place: Place,
) -> None:
    async with place.opened() as database:
        await accept(database, "t1")
        for id_, owner in (("p1", "ada"), ("p2", "bob"), ("p3", "ada")):
            await accept(database, id_, destination=None, owner=Owner(owner))
        found = await ModelTables(database).runs()

    def told(one: RunsSoFar) -> tuple[str, int]:
        return one.owner, one.count

    assert sorted(map(told, found)) == [("ada", 2), ("bob", 1)]
