"""Spellings that only some operators see."""

from dataclasses import replace

import pytest
from tests.support.rig import ORIGIN, Rig

from darkroom.domain.ids import Owner, PredictionId
from darkroom.domain.prediction import Milliseconds, Prediction, Status
from darkroom.http.answers import Site
from darkroom.http.wire import Wire
from darkroom.service.catalogue import load_catalogue
from darkroom.service.own_files import OwnFiles
from darkroom.service.spool import Spool

SITE = Site(ORIGIN, "/v1")


def wire(rig: Rig, *, show_aborted: bool) -> Wire:
    own = OwnFiles(
        store=rig.store, attempts=rig.store, capabilities=rig.capabilities, uploads=rig.uploads
    )
    return Wire(
        capabilities=rig.capabilities,
        catalogue=load_catalogue({}),
        blobs=rig.blobs,
        spool=Spool(blobs=rig.blobs, own=own.find, over_bytes=16_384),
        echo_limit_bytes=65_536,
        inline_limit_bytes=10_000_000,
        show_aborted=show_aborted,
    )


async def with_status(rig: Rig, status: Status) -> Prediction:
    id_ = PredictionId(str((await rig.create())["id"]))
    return replace(await rig.predictions.get(id_, Owner("admin")), status=status)


@pytest.mark.conformance(36)
@pytest.mark.parametrize(
    ("status", "hidden", "shown"),
    [
        (Status.ABORTED, "canceled", "aborted"),
        (Status.CANCELED, "canceled", "canceled"),
        (Status.PROCESSING, "processing", "processing"),
    ],
)
async def test_aborted_is_shown_as_such_only_where_the_operator_wants_it(
    rig: Rig, status: Status, hidden: str, shown: str
) -> None:
    one = await with_status(rig, status)

    assert (await wire(rig, show_aborted=False).prediction(one, SITE)).status == hidden
    assert (await wire(rig, show_aborted=True).prediction(one, SITE)).status == shown


@pytest.mark.conformance(31)
async def test_a_wait_that_saw_no_end_says_starting_also_of_what_was_aborted(rig: Rig) -> None:
    one = await with_status(rig, Status.ABORTED)
    told = await wire(rig, show_aborted=True).prediction(one, SITE, timed_out=True)

    assert told.status == "starting"


@pytest.mark.parametrize(("started", "seconds"), [(None, 0.0), (1_000, 3.25)])
async def test_what_was_canceled_shows_how_long_it_ran(
    rig: Rig, started: int | None, seconds: float
) -> None:
    one = replace(
        await with_status(rig, Status.CANCELED),
        created_at=Milliseconds(0),
        started_at=None if started is None else Milliseconds(started),
        completed_at=Milliseconds(4_250),
    )
    told = await wire(rig, show_aborted=False).prediction(one, SITE)

    assert told.metrics == {"predict_time": seconds, "total_time": 4.25}
