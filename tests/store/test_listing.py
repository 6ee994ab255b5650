"""A page shows its predictions whole, and costs a handful of statements however many there are."""

from collections.abc import Sequence
from typing import TypeVar

from tests.store.acceptances import ADA, HOLDER, acceptance
from tests.store.places import Place

from darkroom.domain.events import Finished, LogText, Published, Report
from darkroom.domain.ids import PredictionId
from darkroom.domain.prediction import JsonText, Outcome, Prediction, StoredFile
from darkroom.ports.predictions import Lost, Page
from darkroom.store.predictions import PredictionTables
from darkroom.store.statements import load
from darkroom.store.transitions import reading
from darkroom.store.transitions.recipe import Transition

T = TypeVar("T")
PICTURE = StoredFile(
    prediction=PredictionId("p3"),
    attempt=1,
    index=0,
    key="k",
    name="a.png",
    content_type="image/png",
    size_bytes=3,
    sha256="f00",
)


async def lives(store: PredictionTables) -> Sequence[PredictionId]:
    """One waits, one runs, one waits again after a file and a text, one has failed."""
    ids = [PredictionId(id_) for id_ in ("p1", "p2", "p3", "p4")]
    await store.accept(acceptance(ids[0]))
    for id_ in ids[1:]:
        await store.accept(acceptance(id_, holder=HOLDER))
    await store.report(Report(prediction=ids[1], attempt=1, events=[LogText(text="one\n")]))
    await store.report(
        Report(
            prediction=ids[2],
            attempt=1,
            started=True,
            events=[
                LogText(text="b\n"),
                LogText(text="a\n"),
                Published(index=1, value=JsonText('"x"')),
                Published(index=0, file=PICTURE),
            ],
        )
    )
    lost = Lost(prediction=ids[2], attempt=1, outcome=Outcome.LOST, reason="Gone.")
    await store.lose(lost)
    failed = Finished(outcome=Outcome.FAILED, error="no")
    await store.report(Report(prediction=ids[3], attempt=1, started=True, finished=failed))
    return ids


def counted(transition: Transition[T]) -> Transition[tuple[int, T]]:
    """What *transition* comes to, and how many statements it took."""
    count = 0
    try:
        asked = next(transition)
        while True:
            count += len(asked) if isinstance(asked, list) else 1
            asked = transition.send((yield asked))
    except StopIteration as stop:
        return count, stop.value


async def test_a_page_shows_what_each_prediction_shows(place: Place) -> None:
    async with place.opened() as database:
        store = PredictionTables(database)
        ids = await lives(store)
        page = await store.page(ADA, Page(size=9))
        alone = [await store.get(id_) for id_ in reversed(ids)]

    assert page == alone
    assert [len(one.output) for one in page] == [0, 2, 0, 0]
    assert [one.logs[:4] for one in page] == ["", "b\na\n", "one\n", ""]


async def test_an_empty_page_is_empty(place: Place) -> None:
    async with place.opened() as database:
        assert await PredictionTables(database).page(ADA, Page(size=9)) == []


async def test_a_long_page_costs_no_more_statements_than_a_short_one(place: Place) -> None:
    async with place.opened() as database:
        store = PredictionTables(database)
        await lives(store)
        for number in range(30):
            await store.accept(acceptance(f"q{number:02}"))

    def paged(size: int) -> tuple[int, Sequence[Prediction]]:
        bounds = {"owner": ADA, "above": "", "below": "~", "from_ms": 0, "until_ms": 2**62}
        asked = counted(reading.several("page_down", {**bounds, "size": size}))
        return place.hand().commit(asked, load(place.dialect))

    count, found = paged(99)
    assert len(found) == 34
    assert count <= 4
    assert paged(1)[0] <= count
