"""Webhooks as a receiver sees them: which, when, what they say, and that they can be believed."""

import time
from collections.abc import AsyncGenerator
from itertools import pairwise
from pathlib import Path
from typing import cast

import pytest
from replicate.webhook import Webhooks, WebhookSigningSecret
from standardwebhooks import Webhook
from tests.support.hands import failed, succeeded
from tests.support.telling import Telling, telling

from darkroom.protocol.messages import Said

MINUTE = (2, 6, 17, 35)  # seconds between the first five tries


@pytest.fixture
async def told(tmp_path: Path) -> AsyncGenerator[Telling]:
    async with telling(tmp_path) as made:
        yield made


def gaps(told: Telling) -> list[float]:
    """Seconds between one webhook and the next."""
    return [later.at - one.at for one, later in pairwise(told.receiver.calls)]


@pytest.mark.conformance(75)
async def test_the_quickest_prediction_tells_its_start_and_its_end(told: Telling) -> None:
    made = await told.run("start", "completed")
    await told.send()

    assert told.statuses == ["processing", "succeeded"]
    assert {one.shown["id"] for one in told.receiver.calls} == {made["id"]}


@pytest.mark.conformance(75)
async def test_without_a_filter_all_four_kinds_are_told(told: Telling) -> None:
    made = await told.create()
    await told.tell(made)
    await told.send()
    await told.tell(made, Said("a line\n"))
    await told.send()
    told.pass_seconds(1)
    await told.tell(made, told.picture(made))
    await told.send()
    await told.tell(made, ended=succeeded())
    await told.send()

    assert [one["event"] for one in await told.log(made)] == [
        "start",
        "logs",
        "output",
        "completed",
    ]
    assert told.statuses == ["processing", "processing", "processing", "succeeded"]


@pytest.mark.conformance(75)
async def test_a_prediction_that_is_canceled_before_it_runs_tells_its_end_alone(
    told: Telling,
) -> None:
    made = await told.create()
    await told.rig.client.post(f"/v1/predictions/{made['id']}/cancel")
    await told.send()
    assert told.statuses == ["canceled"]


async def test_the_older_field_tells_the_end_alone(told: Telling) -> None:
    made = await told.rig.create(webhook_completed=told.receiver.url("/old"))
    await told.tell(made, told.picture(made), ended=succeeded())
    await told.send()
    assert [(one.target, one.shown["status"]) for one in told.receiver.calls] == [
        ("/old", "succeeded")
    ]


@pytest.mark.conformance(76)
async def test_many_changes_are_told_twice_a_second_at_most_and_the_end_at_once(
    told: Telling,
) -> None:
    made = await told.create("logs", "output", "completed")
    for line in range(20):
        await told.tell(made, Said(f"{line}\n"))
        await told.send()
    assert all(gap >= 0.5 for gap in gaps(told))
    assert len(told.receiver.calls) < 20
    told.pass_seconds(0.5)
    await told.send()
    assert str(told.receiver.calls[-1].shown["logs"]).count("\n") == 20
    before = len(told.receiver.calls)
    await told.tell(made, told.picture(made), ended=succeeded())
    await told.send()
    assert told.statuses[before:] == ["succeeded"]


@pytest.mark.conformance(76)
async def test_the_loop_itself_keeps_half_a_second_between_changes(told: Telling) -> None:
    made = await told.create("logs")
    await told.rig.deliveries.start()
    for number in range(3):
        await told.tell(made, Said(f"{number}\n"))
        await told.receiver.arrived(number + 1)
    assert all(gap >= 0.5 for gap in gaps(told))


@pytest.mark.conformance(77)
async def test_a_body_is_what_get_shows_at_that_moment(told: Telling) -> None:
    made = await told.create("logs", "completed", target="/hook?order=17")
    await told.tell(made, Said("a line\n"))
    shown = await told.rig.get(made["id"])
    await told.send()
    await told.tell(made, told.picture(made), ended=succeeded())
    await told.send()

    running, ended = told.receiver.calls
    assert running.shown == shown
    assert ended.shown == await told.rig.get(made["id"])
    assert ended.shown["webhook"] == told.receiver.url("/hook?order=17")
    assert ended.target == "/hook?order=17"


@pytest.mark.conformance(77)
async def test_a_start_shows_the_prediction_as_it_was_then(told: Telling) -> None:
    made = await told.create("start")
    await told.tell(made, Said("a line\n"), told.picture(made), ended=failed("it broke"))
    await told.send()

    (call,) = told.receiver.calls
    shown = await told.rig.get(made["id"])
    later = ("status", "logs", "output", "error", "completed_at", "metrics")
    assert call.shown == {
        **shown,
        "status": "processing",
        "logs": "",
        "output": None,
        "error": None,
        "completed_at": None,
        "metrics": {},
    }
    assert all(shown[name] != call.shown[name] for name in later if name != "output")


@pytest.mark.conformance(77)
async def test_addresses_in_a_body_are_those_the_client_used(told: Telling) -> None:
    answer = await told.rig.client.post(
        "http://example.test/replicate/v1/predictions",
        json={
            "version": "darkroom/echo",
            "input": {"image": "data:,x"},
            "webhook": told.receiver.url(),
        },
    )
    made = answer.json()
    await told.tell(made, ended=succeeded())
    await told.send()
    assert told.receiver.calls[-1].shown["urls"] == made["urls"]
    assert str(made["urls"]["get"]).startswith("http://example.test/replicate/v1/")


@pytest.mark.conformance(77)
async def test_a_trainings_webhook_shows_the_training(told: Telling) -> None:
    made = await told.run("completed")
    told.change("update predictions set destination = 'admin/mine'")
    await told.send()
    answer = await told.rig.client.get(f"/v1/trainings/{made['id']}")
    assert answer.status_code == 200
    assert told.receiver.calls[0].shown == answer.json()


@pytest.mark.conformance(78, 79)
async def test_the_vendors_check_accepts_every_webhook_with_the_secret_it_is_told(
    told: Telling,
) -> None:
    answer = await told.rig.client.get("/v1/webhooks/default/secret")
    secret = WebhookSigningSecret(**answer.json())
    await told.run()
    await told.send()

    assert len(told.receiver.calls) == 2
    for call in told.receiver.calls:
        body, headers = call.body.decode(), dict(call.headers)
        Webhooks.validate(headers=headers, body=body, secret=secret, tolerance=5)
        Webhook(secret.key).verify(body, headers)
        with pytest.raises(ValueError, match="signature"):
            Webhooks.validate(headers=headers, body=f"{body} ", secret=secret)


@pytest.mark.conformance(79)
async def test_a_message_keeps_its_id_and_no_two_share_one(told: Telling) -> None:
    told.receiver.statuses = [200, 500, 500]
    await told.run()
    await told.send()
    for seconds in MINUTE[:2]:
        told.pass_seconds(seconds)
        await told.send()
    await told.run()
    await told.send()

    ids = [one.headers["webhook-id"] for one in told.receiver.calls]
    assert len(ids) == 6
    assert ids[1] == ids[2] == ids[3]
    assert len(set(ids)) == 4
    assert not any("." in one for one in ids)
    now = time.time()
    assert all(
        now - 30 < int(one.headers["webhook-timestamp"]) <= now for one in told.receiver.calls
    )


@pytest.mark.conformance(80)
@pytest.mark.fault(23)
async def test_the_end_is_told_again_for_a_minute_and_then_taken(told: Telling) -> None:
    told.receiver.statuses = [500, 404, 301, 503]
    made = await told.run("completed")
    await told.send()
    for count, seconds in enumerate(MINUTE, 1):
        told.pass_seconds(seconds - 1.5)
        await told.send()
        assert len(told.receiver.calls) == count
        told.pass_seconds(1.5)
        await told.send()
        assert len(told.receiver.calls) == count + 1

    (kept,) = await told.log(made)
    assert kept["state"] == "delivered"
    tries = cast("list[dict[str, object]]", kept["tries"])
    assert [one["status"] for one in tries] == [500, 404, 301, 503, 200]


@pytest.mark.conformance(80)
async def test_what_happens_on_the_way_is_told_once_only(told: Telling) -> None:
    told.receiver.statuses = [500, 500]
    made = await told.create("start", "logs")
    await told.tell(made)
    await told.send()
    await told.tell(made, Said("a line\n"))
    await told.send()
    told.pass_seconds(90_000)
    await told.send()

    assert len(told.receiver.calls) == 2
    assert [one["state"] for one in await told.log(made)] == ["dead", "dead"]


@pytest.mark.conformance(80)
@pytest.mark.fault(23)
async def test_a_redirect_is_not_followed(told: Telling) -> None:
    told.receiver.statuses = [302]
    told.receiver.headers = {"location": told.receiver.url("/elsewhere")}
    await told.run("completed")
    await told.send()
    assert [one.target for one in told.receiver.calls] == ["/hook"]


@pytest.mark.conformance(81)
async def test_the_secret_is_one_for_each_owner_with_one_underscore(told: Telling) -> None:
    answers = [await told.rig.client.get("/v1/webhooks/default/secret") for _ in range(2)]
    keys = [one.json()["key"] for one in answers]
    other = await told.rig.key_of("ada")
    others = await told.rig.client.get(
        "/v1/webhooks/default/secret", headers={"Authorization": f"Bearer {other}"}
    )
    assert keys[0] == keys[1] != others.json()["key"]
    assert all(key.startswith("whsec_") and key.count("_") == 1 for key in keys)
    assert set(answers[0].json()) == {"key"}
    assert len(keys[0]) == len("whsec_") + 32
