"""The log of webhooks and sending them again, for owners and administrators."""

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import cast

import pytest
from tests.support.telling import Telling, telling

from darkroom.http.times import iso
from darkroom.service.gates import FAILURES, PROBE_SECONDS


@pytest.fixture
async def told(tmp_path: Path) -> AsyncGenerator[Telling]:
    async with telling(tmp_path) as made:
        yield made


async def test_the_log_shows_every_try_with_the_begin_of_its_answer(told: Telling) -> None:
    told.receiver.statuses, told.receiver.body = [500], b"no" * 500
    made = await told.run("completed")
    await told.send()

    (kept,) = await told.log(made)
    (tried,) = cast("list[dict[str, object]]", kept["tries"])
    assert (kept["n"], kept["event"], kept["state"]) == (1, "completed", "pending")
    assert kept["id"] == told.receiver.calls[0].headers["webhook-id"]
    assert str(kept["next_at"]) > str(tried["at"])
    assert (tried["status"], tried["error"]) == (500, "it answered HTTP 500")
    assert tried["answer"] == "no" * 256


async def test_an_address_that_is_not_spoken_to_is_dead_with_what_to_do(told: Telling) -> None:
    made = await told.rig.create(
        webhook="http://10.0.0.7/hook", webhook_events_filter=["completed"]
    )
    await told.rig.client.post(f"/v1/predictions/{made['id']}/cancel")
    await told.send()

    (kept,) = await told.log(made)
    assert kept["state"] == "dead"
    assert "DARKROOM_EGRESS_ALLOW" in str(kept["tries"])


@pytest.mark.parametrize("which", ["resend", "2/resend"])
@pytest.mark.conformance(79)
async def test_the_end_is_sent_again_on_request_under_the_same_id(
    told: Telling, which: str
) -> None:
    made = await told.run("start", "completed")
    await told.send()
    answer = await told.rig.client.post(f"/api/predictions/{made['id']}/webhooks/{which}")
    assert answer.json()["deliveries"][1]["state"] == "pending"
    await told.send()

    first, again = told.receiver.calls[1:]
    assert again.headers["webhook-id"] == first.headers["webhook-id"]
    assert again.shown == first.shown
    assert (await told.log(made))[1]["state"] == "delivered"


async def test_what_was_given_up_has_all_its_tries_again(told: Telling) -> None:
    told.receiver.statuses = [410, 500]
    made = await told.run("completed")
    await told.send()
    told.pass_seconds(90_000)
    await told.send()
    assert [one["state"] for one in await told.log(made)] == ["dead"]
    await told.rig.client.post(f"/api/predictions/{made['id']}/webhooks/resend")
    await told.send()
    told.pass_seconds(2)
    await told.send()

    assert [one["state"] for one in await told.log(made)] == ["delivered"]
    assert len(told.receiver.calls) == 3


@pytest.mark.parametrize(
    "path", ["resend", "1/resend", "7/resend", "x/resend", f"{'9' * 5000}/resend"]
)
async def test_what_is_not_there_cannot_be_sent_again(told: Telling, path: str) -> None:
    made = await told.rig.create()
    answer = await told.rig.client.post(f"/api/predictions/{made['id']}/webhooks/{path}")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


async def test_the_log_is_for_the_owner_and_for_administrators(told: Telling) -> None:
    ada, eve = [
        {"Authorization": f"Bearer {await told.rig.key_of(name)}"} for name in ("ada", "eve")
    ]
    answer = await told.rig.client.post(
        "/v1/predictions",
        json={"version": "darkroom/echo", "input": {"image": "data:,x"}},
        headers=ada,
    )
    path = f"/api/predictions/{answer.json()['id']}/webhooks"

    assert (await told.rig.client.get(path, headers=ada)).status_code == 200
    assert (await told.rig.client.get(path)).status_code == 200
    assert (await told.rig.client.get(path, headers=eve)).status_code == 404
    assert (await told.rig.client.get(path, headers={"Authorization": ""})).status_code == 401
    assert (await told.rig.client.get("/api/nothing")).status_code == 404


async def test_a_prediction_without_a_webhook_has_an_empty_log(told: Telling) -> None:
    made = await told.rig.create()
    answer = await told.rig.client.get(f"/api/predictions/{made['id']}/webhooks")
    assert answer.json() == {
        "prediction": made["id"],
        "webhook": None,
        "breaker": None,
        "deliveries": [],
    }


async def test_a_breaker_is_shown_while_something_waits_for_it(told: Telling) -> None:
    told.receiver.statuses = [500] * (FAILURES + 1)
    first, *_, last = [await told.run("completed") for _ in range(FAILURES + 2)]
    assert (await told.shown(first))["breaker"] is None
    await told.send()
    shown = (await told.shown(last))["breaker"]
    told.pass_seconds(PROBE_SECONDS)
    await told.send()

    breaker = cast("dict[str, object]", shown)
    assert breaker["failures"] in (FAILURES, FAILURES + 1)  # two at a time
    assert iso(told.rig.clock.wall_ms()) < str(breaker["next_try_at"])
    assert (await told.shown(last))["breaker"] is None


async def test_what_cannot_be_sent_again_is_told_apart(told: Telling) -> None:
    made = await told.rig.create(webhook=told.receiver.url(), webhook_events_filter=["completed"])
    path = f"/api/predictions/{made['id']}/webhooks"
    early = await told.rig.client.post(f"{path}/resend")
    unknown = await told.rig.client.post(f"{path}/7/resend")

    assert early.status_code == unknown.status_code == 404
    assert "has not ended" in early.json()["detail"]
    assert unknown.json()["detail"] == "This prediction has no webhook with the number 7."
