"""What a client sees of a prediction's life: deadlines, times, ends, and output that only grows."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import cast

import pytest
from tests.support.hands import failed, succeeded
from tests.support.rig import Rig

from darkroom.protocol.messages import Gave, Said

TEXT = {"version": "darkroom/echo-text", "input": {"prompt": "a b c"}}


async def running(rig: Rig) -> object:
    """The id of a prediction whose run has begun."""
    rig.worker.join()
    shown = await rig.create_with({"Cancel-After": "5"})
    rig.worker.tell(await rig.worker.job())
    await rig.settled()
    assert (await rig.get(shown["id"]))["status"] == "processing"
    return shown["id"]


async def succeeds(rig: Rig) -> object:
    id_ = await running(rig)
    await rig.worker.succeed(rig.worker.jobs[0])
    return id_


async def fails(rig: Rig) -> object:
    id_ = await running(rig)
    rig.worker.tell(rig.worker.jobs[0], ended=failed("no luck"))
    return id_


async def canceled_while_it_runs(rig: Rig) -> object:
    id_ = await running(rig)
    await rig.client.post(f"/v1/predictions/{id_}/cancel")
    return id_


async def canceled_while_it_waits(rig: Rig) -> object:
    id_ = (await rig.create())["id"]
    await rig.client.post(f"/v1/predictions/{id_}/cancel")
    return id_


async def too_late_while_it_runs(rig: Rig) -> object:
    id_ = await running(rig)
    await rig.pass_deadlines()
    await rig.dispatcher.expire()
    return id_


async def too_late_while_it_waits(rig: Rig) -> object:
    id_ = (await rig.create_with({"Cancel-After": "5"}))["id"]
    await rig.pass_deadlines()
    await rig.dispatcher.expire()
    return id_


async def lost_too_often(rig: Rig) -> object:
    id_ = (await rig.create())["id"]
    for attempt in range(3):
        rig.worker.join(name=f"w{attempt}")
        rig.worker.tell(await rig.worker.job(attempt))
        rig.worker.leave()
        await asyncio.sleep(0)
        await rig.settled()
    return id_


Ending = Callable[[Rig], Awaitable[object]]
RAN = [succeeds, fails, canceled_while_it_runs, too_late_while_it_runs, lost_too_often]
NEVER_RAN = [canceled_while_it_waits, too_late_while_it_waits]


def instant(text: object) -> datetime:
    assert isinstance(text, str)
    assert text.endswith("Z")
    return datetime.fromisoformat(text)


@pytest.mark.conformance(35)
@pytest.mark.parametrize(
    ("span", "seconds"),
    [("30", 30), ("30s", 30), ("1m30s", 90), ("1h", 3600), ("1h30m45s", 5445), ("5", 5)],
)
async def test_a_deadline_lies_as_far_from_the_creation_as_was_asked(
    rig: Rig, span: str, seconds: int
) -> None:
    shown = await rig.create_with({"Cancel-After": span})

    assert instant(shown["deadline"]) - instant(shown["created_at"]) == timedelta(seconds=seconds)
    assert (await rig.get(shown["id"]))["deadline"] == shown["deadline"]


@pytest.mark.conformance(38)
async def test_the_start_is_told_once_the_run_begins_and_then_stays(rig: Rig) -> None:
    rig.worker.join()
    shown = await rig.create()
    taken = await rig.get(shown["id"])
    rig.worker.tell(rig.worker.jobs[0])
    await rig.settled()
    begun = await rig.get(shown["id"])
    await rig.worker.succeed(rig.worker.jobs[0])
    await rig.settled()
    ended = await rig.get(shown["id"])

    assert (taken["status"], taken["started_at"], taken["completed_at"]) == ("starting", None, None)
    assert (begun["status"], begun["completed_at"]) == ("processing", None)
    assert instant(begun["created_at"]) <= instant(begun["started_at"])
    assert ended["started_at"] == begun["started_at"]
    assert instant(ended["started_at"]) <= instant(ended["completed_at"])


@pytest.mark.conformance(38, 41)
@pytest.mark.parametrize("ending", [*RAN, *NEVER_RAN])
async def test_every_end_has_its_time_and_its_metrics(rig: Rig, ending: Ending) -> None:
    id_ = await ending(rig)
    await rig.settled()
    ended = await rig.get(id_)

    assert instant(ended["completed_at"]) >= instant(ended["created_at"])
    assert (ended["started_at"] is not None) == (ending in RAN)
    metrics = cast("dict[str, object]", ended["metrics"])
    for name in ("predict_time", "total_time"):
        assert isinstance(metrics[name], int | float), ended
        assert not isinstance(metrics[name], bool)


@pytest.mark.conformance(39)
@pytest.mark.parametrize("begun", [None, False, True])
async def test_a_cancel_is_answered_as_canceled_and_it_stays_so(
    rig: Rig, begun: bool | None  # noqa: FBT001  # None: no worker has it yet
) -> None:  # fmt: skip
    if begun is not None:
        rig.worker.join()
    shown = await rig.create()
    if begun:
        rig.worker.tell(rig.worker.jobs[0])
        await rig.settled()
    answer = await rig.client.post(f"/v1/predictions/{shown['id']}/cancel")

    assert answer.status_code == 200
    assert answer.json()["status"] == "canceled"
    assert instant(answer.json()["completed_at"])
    assert await rig.get(shown["id"]) == answer.json()


@pytest.mark.conformance(37, 40)
@pytest.mark.parametrize("ending", [*RAN, *NEVER_RAN])
async def test_a_cancel_after_any_end_answers_what_was_there(rig: Rig, ending: Ending) -> None:
    id_ = await ending(rig)
    await rig.settled()
    ended = await rig.get(id_)
    answer = await rig.client.post(f"/v1/predictions/{id_}/cancel")

    assert answer.status_code == 200
    assert answer.json() == ended == await rig.get(id_)


@pytest.mark.conformance(42)
@pytest.mark.parametrize("outputs", [0, 2])
async def test_a_failure_tells_its_cause_and_keeps_what_was_given(rig: Rig, outputs: int) -> None:
    rig.worker.join()
    shown = await rig.create(**TEXT)
    words = [Gave(index, None, '"word"') for index in range(outputs)]
    rig.worker.tell(rig.worker.jobs[0], *words, ended=failed("out of words"))
    await rig.settled()
    ended = await rig.get(shown["id"])

    assert (ended["status"], ended["error"]) == ("failed", "out of words")
    assert ended["output"] == (["word"] * outputs or None)


@pytest.mark.conformance(43, 44)
async def test_outputs_and_logs_only_grow(rig: Rig) -> None:
    rig.worker.join()
    shown = await rig.create(**TEXT)
    job = rig.worker.jobs[0]
    steps = [
        lambda: rig.worker.tell(job, Said("first\n")),
        lambda: rig.worker.tell(job, Gave(0, None, '"a"')),
        lambda: rig.worker.tell(job, Said("second\n"), Gave(1, None, '"b"')),
        lambda: rig.worker.tell(job, Gave(2, None, '"c"'), Said("third\n"), ended=succeeded()),
    ]
    seen = [shown]
    for step in steps:
        step()
        await rig.settled()
        seen.append(await rig.get(shown["id"]))

    assert [one["output"] for one in seen] == [None, None, ["a"], ["a", "b"], ["a", "b", "c"]]
    assert [one["logs"] for one in seen] == [
        "",
        "first\n",
        "first\n",
        "first\nsecond\n",
        "first\nsecond\nthird\n",
    ]


@pytest.mark.conformance(43, 44)
async def test_outputs_and_logs_do_not_shrink_when_a_run_is_lost(rig: Rig) -> None:
    rig.worker.join()
    shown = await rig.create(**TEXT)
    words = [Gave(index, None, f'"{word}"') for index, word in enumerate("ab")]
    rig.worker.tell(rig.worker.jobs[0], Said("first\n"), *words)
    await rig.settled()
    rig.worker.leave()
    await asyncio.sleep(0)
    await rig.settled()
    lost = await rig.get(shown["id"])
    rig.worker.join(name="second")
    rig.worker.tell(await rig.worker.job(1), Said("again\n"), words[0])
    await rig.settled()
    again = await rig.get(shown["id"])

    assert lost["output"] == again["output"] == ["a", "b"]
    assert str(lost["logs"]).startswith("first\n")
    assert str(again["logs"]).startswith(str(lost["logs"]))
    assert str(again["logs"]).endswith("again\n")
