"""A worker told to end takes no more, lets runs finish, and hands back the rest."""

from pathlib import Path

from tests.worker.scripted import rig, spec
from tests.worker.test_stops import started

from darkroom.protocol.messages import Drain


async def test_an_idle_worker_ends_at_once(tmp_path: Path) -> None:
    async with rig(tmp_path) as here:
        here.server.send(Drain(60.0))
        assert await here.running is True
        assert here.server.draining.is_set()


async def test_a_run_may_finish_and_a_late_job_is_released(tmp_path: Path) -> None:
    async with rig(tmp_path) as here:
        image = "data:,GIF89a"
        heard = await started(here.server.job(spec(), {"image": image, "ms": 50}))
        other = await started(here.server.job(spec(), {"ms": 3_600_000}, name="other"))
        here.worker.drain()
        await here.server.draining.wait()
        late = here.server.job(spec(), {"image": image}, name="late")
        await heard.ended.wait()
        await late.ended.wait()
        here.server.stop("other")
        assert await here.running is True
        await here.server.left.wait()
        assert [heard.end.outcome, other.end.outcome] == ["succeeded", "canceled"]
        assert (late.end.outcome, late.end.error) == ("released", "its worker was told to stop.")


async def test_a_run_that_takes_too_long_is_released(tmp_path: Path) -> None:
    async with rig(tmp_path) as here:
        heard = await started(here.server.job(spec(), {"ms": 3_600_000}))
        here.worker.drain()
        here.server.send(Drain(0.05))
        assert await here.running is True
        await here.server.left.wait()
        assert heard.end.outcome == "released"
