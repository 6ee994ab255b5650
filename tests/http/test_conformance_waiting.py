"""Answers that wait for the end: in time, and never mistaken for an end that is not there."""

import asyncio
from collections.abc import Mapping
from typing import cast

import httpx2
import pytest
from tests.support.hands import failed
from tests.support.rig import Rig

ECHO: Mapping[str, object] = {"version": "darkroom/echo", "input": {"image": "data:,x"}}
PICTURES: Mapping[str, object] = {
    "version": "stability-ai/stable-diffusion-img2img",
    "input": {"image": "https://files.example.test/a.png", "num_outputs": 2},
}


pytestmark = pytest.mark.timeout(20)  # a wait that is too long would last for ever: timers stand


class Timers:
    """The clock of this test's event loop, which moves when told."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        loop = asyncio.get_running_loop()
        self.now = loop.time()
        monkeypatch.setattr(loop, "time", lambda: self.now)


@pytest.fixture
async def timers(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> Timers:
    assert rig.worker.seat is None
    return Timers(monkeypatch)


def waiting(
    rig: Rig, preference: str, body: Mapping[str, object] = ECHO
) -> "asyncio.Task[httpx2.Response]":
    headers = {"Prefer": preference}
    return asyncio.create_task(rig.client.post("/v1/predictions", json=body, headers=headers))


@pytest.mark.conformance(28, 29)
@pytest.mark.parametrize("preference", ["wait", "wait=5"])
@pytest.mark.usefixtures("timers")
async def test_a_wait_lasts_until_the_end_and_is_echoed(rig: Rig, preference: str) -> None:
    rig.worker.join()
    creating = waiting(rig, preference)
    job = await rig.worker.job()
    rig.worker.tell(job)
    await rig.settled()
    assert not creating.done()
    await rig.worker.succeed(job)
    answer = await creating

    assert answer.status_code == 201
    assert answer.headers["preference-applied"] == preference
    assert answer.json()["status"] == "succeeded"
    assert answer.json()["output"] == (await rig.get(job.id))["output"]


@pytest.mark.conformance(29)
async def test_a_failure_within_the_wait_is_answered_at_once_too(rig: Rig) -> None:
    rig.worker.join()
    creating = waiting(rig, "wait")
    rig.worker.tell(await rig.worker.job(), ended=failed("no luck"))
    answer = await creating

    assert (answer.status_code, answer.json()["status"]) == (201, "failed")


@pytest.mark.parametrize(
    ("preference", "limit"),
    [
        pytest.param("wait=1", 1, marks=pytest.mark.conformance(30)),
        pytest.param("wait=10", 10, marks=pytest.mark.conformance(30)),
        pytest.param("wait=60", 60, marks=pytest.mark.conformance(30, 32)),
        pytest.param("wait", 60, marks=pytest.mark.conformance(30, 32)),
        pytest.param("wait=600", 60, marks=pytest.mark.conformance(33)),
    ],
)
async def test_a_wait_without_an_end_is_answered_before_the_client_gives_up(
    rig: Rig, timers: Timers, preference: str, limit: float
) -> None:
    rig.worker.join()
    creating = waiting(rig, preference)
    rig.worker.tell(await rig.worker.job())
    await rig.settled()
    timers.now += limit * 0.4
    shown = (await rig.listed())[0]
    assert not creating.done()
    timers.now += limit * 0.6 - 0.1
    answer = await creating

    assert shown["status"] == "processing"
    assert (answer.status_code, answer.json()["status"]) == (202, "starting")
    assert answer.headers["preference-applied"] == preference


@pytest.mark.conformance(31)
@pytest.mark.parametrize("outputs", [0, 1, 2])
async def test_what_is_not_at_its_end_never_reads_processing(
    rig: Rig, timers: Timers, outputs: int
) -> None:
    rig.worker.join({"diffusers": 1})
    creating = waiting(rig, "wait", PICTURES)
    job = await rig.worker.job()
    given = [await rig.worker.give_picture(job, index=index) for index in range(outputs)]
    rig.worker.tell(job, *given)
    await rig.settled()
    running = await rig.get(job.id)
    timers.now += 60
    answer = await creating

    assert running["status"] == "processing"
    assert len(cast("list[str] | None", running["output"]) or []) == outputs
    assert (answer.status_code, answer.json()["status"]) == (202, "starting")


@pytest.mark.conformance(31)
async def test_a_wait_that_sees_its_worker_go_does_not_read_processing_either(
    rig: Rig, timers: Timers
) -> None:
    rig.worker.join()
    creating = waiting(rig, "wait")
    rig.worker.tell(await rig.worker.job())
    await rig.settled()
    rig.worker.leave()
    await rig.settled()
    timers.now += 60
    answer = await creating

    assert (answer.status_code, answer.json()["status"]) == (202, "starting")
    assert (await rig.get(answer.json()["id"]))["status"] == "processing"
