"""What becomes of a report that the store will never take."""

import asyncio
from collections.abc import Awaitable
from pathlib import Path

from structlog.testing import capture_logs
from tests.support import rig as rigs
from tests.support.hands import succeeded

from darkroom.domain.errors import RunFailed
from darkroom.domain.events import Report
from darkroom.domain.prediction import Outcome, Prediction
from darkroom.protocol.messages import Ended, Said
from darkroom.store.predictions import PredictionTables

STOPPED = "its worker was told to stop."


class Choosy(PredictionTables):
    """Takes no success."""

    fault: Exception = RunFailed("the trainer gave no configuration")

    def report(self, report: Report) -> Awaitable[Prediction | None]:
        if report.finished is None or report.finished.outcome is not Outcome.SUCCEEDED:
            return super().report(report)
        refused: asyncio.Future[Prediction | None] = asyncio.get_running_loop().create_future()
        refused.set_exception(self.fault)
        return refused


async def told(folder: Path, fault: Exception) -> dict[str, object]:
    """A prediction whose success the store refused with *fault*."""
    async with rigs.rig(folder, store_class=Choosy) as rig:
        assert isinstance(rig.store, Choosy)
        rig.store.fault = fault
        rig.worker.join()
        shown = await rig.create()
        rig.worker.tell(await rig.worker.job(), Said("last words\n"), ended=succeeded())
        await rig.settled()
        return await rig.get(shown["id"])


async def test_outputs_that_make_nothing_are_the_runs_failure(tmp_path: Path) -> None:
    shown = await told(tmp_path, RunFailed("no configuration"))

    assert (shown["status"], shown["error"]) == ("failed", "no configuration")
    assert shown["logs"] == "last words\n"


async def test_a_report_that_breaks_the_store_loses_its_attempt(tmp_path: Path) -> None:
    shown = await told(tmp_path, ValueError("broken"))

    assert shown["status"] == "starting"
    assert "could not be stored" in str(shown["logs"])


async def test_a_run_handed_back_is_not_told_as_lost(tmp_path: Path) -> None:
    async with rigs.rig(tmp_path) as rig:
        rig.worker.join()
        shown = await rig.create()
        with capture_logs() as logs:
            rig.worker.tell(await rig.worker.job(), ended=Ended("released", STOPPED, "{}", 0.0))
            await rig.settled()
        shown = await rig.get(shown["id"])

    assert shown["logs"] == (
        "Attempt 1 was handed back: its worker was told to stop. The prediction runs again.\n"
    )
    told = [one["event"] for one in logs if str(one["event"]).startswith("attempt.")]
    assert told == ["attempt.released"]
