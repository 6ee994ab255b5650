"""Odd bodies and headers of a create: each gets an answer of the wire, none breaks the server."""

import asyncio
from collections.abc import Mapping

import httpx2
import msgspec
import pytest
from tests.support.rig import KEY, Rig

from darkroom.domain.ids import Owner, PredictionId

ECHO: Mapping[str, object] = {"version": "darkroom/echo", "input": {"image": "data:,x"}}
UNKNOWN = "The specified version does not exist (or perhaps you don't have permission to use it?)"


async def post(rig: Rig, body: object, **headers: str) -> httpx2.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await rig.client.post("/v1/predictions", content=_json(body), headers=named)


def _json(body: object) -> bytes:
    return body if isinstance(body, bytes) else msgspec.json.encode(body)


def faults(answer: httpx2.Response) -> list[tuple[str, str]]:
    assert answer.status_code == 422, answer.text
    return [(one["type"], one["field"]) for one in answer.json()["invalid_fields"]]


@pytest.mark.conformance(33)
@pytest.mark.parametrize("digits", [400, 5000])
async def test_a_wait_of_any_number_of_digits_is_a_wait(rig: Rig, digits: int) -> None:
    rig.worker.join()
    creating = asyncio.create_task(post(rig, ECHO, prefer=f"wait={'9' * digits}"))
    await rig.worker.succeed(await rig.worker.job())
    answer = await creating

    assert (answer.status_code, answer.json()["status"]) == (201, "succeeded")


@pytest.mark.parametrize(
    ("span", "status"),
    [
        ("5", 201),
        ("720h", 201),
        ("2592000", 201),
        ("2592001", 422),
        ("721h", 422),
        ("9" * 9 + "h", 422),
        ("9" * 20, 422),
        ("9" * 5000, 422),
        ("", 422),
    ],
)
async def test_a_deadline_lies_between_five_seconds_and_30_days(
    rig: Rig, span: str, status: int
) -> None:
    answer = await post(rig, ECHO, cancel_after=span)

    assert answer.status_code == status
    if status == 422:
        assert "from 5 seconds to 30 days" in answer.json()["detail"]


def nested(depth: int) -> bytes:
    """A body whose arrays and objects lie *depth* deep in all."""
    inner = b"[" * (depth - 2) + b"]" * (depth - 2)
    return b'{"version":"darkroom/echo","input":{"image":"data:,x","x":%b}}' % inner


async def test_a_body_may_be_64_deep_and_no_deeper(rig: Rig) -> None:
    taken, refused, far = [await post(rig, nested(depth)) for depth in (64, 65, 900)]

    assert taken.status_code == 201
    assert (await rig.client.get(f"/p/{taken.json()['id']}")).status_code == 200
    for answer in (refused, far):
        assert answer.status_code == 400
        assert "nested too deeply" in answer.json()["detail"]


async def test_brackets_side_by_side_or_inside_texts_are_not_deep(rig: Rig) -> None:
    input_: Mapping[str, object] = {
        "image": "data:,x",
        "prompt": "[{" * 500,
        "x": [[{"a": 1}] for _ in range(500)],
    }
    answer = await post(rig, {**ECHO, "input": input_})

    assert answer.status_code == 201
    assert answer.json()["input"] == input_


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ({"a": 1}, "invalid_type"),
        (["https://hooks.test"], "invalid_type"),
        (1, "invalid_type"),
        ("not a url", "format"),
        ("https://hooks.test/" + "a" * 70_000, "string_lte"),
    ],
)
async def test_the_older_webhook_is_checked_like_the_newer_one(
    rig: Rig, address: object, told: str
) -> None:
    answer = await post(rig, {**ECHO, "webhook_completed": address})

    assert faults(answer) == [(told, "webhook_completed")]


@pytest.mark.parametrize(
    ("sent", "address", "events"),
    [
        ({}, None, ()),
        ({"webhook_completed": None}, None, ()),
        ({"webhook_completed": "https://a.test/"}, "https://a.test/", ("completed",)),
        ({"webhook": "https://b.test/"}, "https://b.test/", ()),
        (
            {"webhook": "https://b.test/", "webhook_completed": "https://a.test/"},
            "https://b.test/",
            (),
        ),
        (
            {"webhook": "https://b.test/", "webhook_events_filter": ["start", "logs"]},
            "https://b.test/",
            ("start", "logs"),
        ),
    ],
)
async def test_webhooks_are_kept_as_they_were_meant(
    rig: Rig, sent: Mapping[str, object], address: str | None, events: tuple[str, ...]
) -> None:
    shown = (await post(rig, {**ECHO, **sent})).json()
    kept = await rig.predictions.get(PredictionId(shown["id"]), Owner("admin"))

    assert (kept.webhook, tuple(kept.webhook_events)) == (address, events)


async def test_an_unknown_version_alone_is_told_in_the_wires_words(rig: Rig) -> None:
    answer = await post(rig, {"version": "darkroom/nothing", "input": {"any": "thing"}})

    assert answer.status_code == 422
    assert answer.json() == {
        "title": "Invalid version or not permitted",
        "detail": UNKNOWN,
        "status": 422,
    }


async def test_whatever_else_is_wrong_is_told_with_an_unknown_version(rig: Rig) -> None:
    answer = await post(rig, {"version": "darkroom/nothing", "webhook": "x", "colour": 1})

    assert faults(answer) == [
        ("version", "version"),
        ("required", ""),
        ("format", "webhook"),
        ("additional_property_not_allowed", ""),
    ]
    assert answer.json()["detail"].startswith(f"- version: {UNKNOWN}\n")


@pytest.mark.parametrize("spelled", [KEY, "\\u0061" + KEY[1:]])
async def test_the_callers_key_is_found_however_it_is_spelled(rig: Rig, spelled: str) -> None:
    body = (
        f'{{"version":"darkroom/echo","input":{{"image":"https://x.test/?{spelled}",'
        f'"{spelled}":1,"plain":"a\\nb","x":[{{"{spelled}":"{spelled}"}}]}}}}'
    )
    answer = await post(rig, body.encode())

    assert answer.json()["input"] == {
        "image": "[redacted]",
        "[redacted]": 1,
        "plain": "a\nb",
        "x": [{"[redacted]": "[redacted]"}],
    }
