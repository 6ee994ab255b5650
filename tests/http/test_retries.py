"""Requests that come again: with an idempotency key, and as a client that repeats itself."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

import httpx2
import pytest
from tests.support.limits import Limits
from tests.support.rig import KEY, Rig
from tests.support.rig import rig as open_rig

from darkroom.blobs.local import LocalBlobs
from darkroom.domain.errors import FilesUnavailable

ECHO: Mapping[str, object] = {"version": "darkroom/echo", "input": {"image": "data:,x"}}
LONG: Mapping[str, object] = {
    "version": "darkroom/echo",
    "input": {"image": "data:image/png;base64," + "AAAA" * 10_000},
}


async def post(
    rig: Rig, body: object = ECHO, path: str = "/v1/predictions", **headers: str
) -> httpx2.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await rig.client.post(path, json=body, headers=named)


def spooled(folder: Path) -> set[str]:
    """Predictions that have an input on disk."""
    return {one.name.partition("+")[0] for one in folder.glob("files/predictions/*/*+0+*")}


def replayed(answer: httpx2.Response) -> tuple[int, str | None]:
    return answer.status_code, answer.headers.get("idempotent-replayed")


async def test_a_key_is_answered_with_what_it_made_as_that_is_now(rig: Rig) -> None:
    rig.worker.join()
    first = await post(rig, idempotency_key="k")
    await rig.worker.succeed(await rig.worker.job())
    await rig.settled()
    again = await post(rig, idempotency_key="k")

    assert (replayed(first), replayed(again)) == ((201, None), (201, "true"))
    assert again.json()["id"] == first.json()["id"]
    assert again.json() == await rig.get(first.json()["id"])
    assert again.headers["location"] == first.headers["location"]
    assert len(await rig.listed()) == len(rig.worker.jobs) == 1


@pytest.mark.parametrize("body", [ECHO, LONG], ids=["short", "spooled"])
async def test_50_parallel_twins_make_one_prediction(
    rig: Rig, body: Mapping[str, object], tmp_path: Path
) -> None:
    rig.worker.join()
    twins = [post(rig, body, idempotency_key="k") for _ in range(50)]
    answers = await asyncio.gather(*twins)
    job = await rig.worker.job()

    assert {answer.status_code for answer in answers} == {201}
    assert {answer.json()["id"] for answer in answers} == {job.id}
    assert sum(replayed(answer)[1] is None for answer in answers) == 1
    assert len(await rig.listed()) == len(rig.worker.jobs) == 1
    assert spooled(tmp_path) == ({job.id} if body is LONG else set())
    assert rig.worker.seat is not None
    assert sum(rig.worker.seat.used.values()) == 1


async def test_twins_that_wait_are_all_told_the_end(rig: Rig) -> None:
    rig.worker.join()
    twins = [asyncio.create_task(post(rig, idempotency_key="k", prefer="wait=9")) for _ in range(5)]
    await rig.worker.succeed(await rig.worker.job())
    answers = await asyncio.gather(*twins)

    assert {answer.status_code for answer in answers} == {201}
    assert {answer.json()["status"] for answer in answers} == {"succeeded"}
    assert {answer.headers["preference-applied"] for answer in answers} == {"wait=9"}


async def test_a_replay_waits_for_the_end_of_what_was_made(rig: Rig) -> None:
    first = await post(rig, idempotency_key="k")
    again = asyncio.create_task(post(rig, idempotency_key="k", prefer="wait"))
    rig.worker.join()
    await rig.worker.succeed(await rig.worker.job())

    assert replayed(await again) == (201, "true")
    assert (await again).json()["status"] == "succeeded"
    assert (await again).json()["id"] == first.json()["id"]


async def test_a_replay_whose_wait_ends_first_is_a_202(rig: Rig) -> None:
    await post(rig, idempotency_key="k")
    again = await post(rig, idempotency_key="k", prefer="wait=1")

    assert replayed(again) == (202, "true")
    assert again.json()["status"] == "starting"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/predictions", {**ECHO, "input": {"image": "data:,y"}}),
        ("/v1/models/darkroom/echo/predictions", {"input": ECHO["input"]}),
    ],
    ids=["body", "path"],
)
async def test_a_key_that_comes_with_another_request_is_refused(
    rig: Rig, path: str, body: object
) -> None:
    await post(rig, idempotency_key="k")
    answer = await post(rig, body, path, idempotency_key="k")

    assert answer.status_code == 422
    assert "choose a new key" in answer.json()["detail"]
    assert answer.headers["x-should-retry"] == "false"
    assert len(await rig.listed()) == 1


async def test_the_address_under_which_a_request_came_is_no_part_of_it(rig: Rig) -> None:
    first = await post(rig, idempotency_key="k")
    again = await post(rig, path="/replicate/v1/predictions", idempotency_key="k")

    assert again.json()["id"] == first.json()["id"]
    assert "/replicate/v1/" in again.json()["urls"]["get"]


async def test_a_key_is_its_owners_own_with_whichever_key_of_the_api(rig: Rig) -> None:
    asked: list[str] = []
    for owner in ("ada", "ada", "bob"):
        token = f"Bearer {await rig.key_of(owner)}"
        asked.append((await post(rig, idempotency_key="k", authorization=token)).json()["id"])

    assert asked[0] == asked[1] != asked[2]


@pytest.mark.parametrize("key", ["", "x" * 256])
async def test_a_key_has_1_to_255_characters(rig: Rig, key: str) -> None:
    answer = await post(rig, idempotency_key=key)

    assert answer.status_code == 400
    assert "1 to 255" in answer.json()["detail"]
    assert (await post(rig, idempotency_key="x" * 255)).status_code == 201


async def test_what_was_refused_is_not_remembered(rig: Rig) -> None:
    refused = await post(rig, {"version": "darkroom/echo", "input": {}}, idempotency_key="k")
    taken = await post(rig, idempotency_key="k")

    assert refused.status_code == 422
    assert replayed(taken) == (201, None)


async def test_a_key_is_forgotten_after_a_day(rig: Rig) -> None:
    first = await post(rig, idempotency_key="k")
    await rig.pass_hours(24)
    again = await post(rig, idempotency_key="k")

    assert replayed(again) == (201, None)
    assert again.json()["id"] != first.json()["id"]


async def test_a_key_holds_across_a_restart(tmp_path: Path) -> None:
    ids: list[str] = []
    for _ in range(2):
        async with open_rig(tmp_path) as rig:
            ids.append((await post(rig, idempotency_key="k")).json()["id"])

    assert ids[0] == ids[1]


async def test_equal_requests_without_a_key_are_different_ones(rig: Rig) -> None:
    answers = [await post(rig) for _ in range(4)]
    answers += await asyncio.gather(*(post(rig) for _ in range(4)))

    assert len({answer.json()["id"] for answer in answers}) == 8
    assert not any("orphan-adopted" in answer.headers for answer in answers)


async def test_a_client_that_says_it_repeats_itself_gets_what_it_made(rig: Rig) -> None:
    first = await post(rig, x_stainless_retry_count="0")
    again = [await post(rig, x_stainless_retry_count=count) for count in ("1", "2")]

    assert {answer.json()["id"] for answer in again} == {first.json()["id"]}
    assert [answer.headers["orphan-adopted"] for answer in again] == ["true", "true"]
    assert "orphan-adopted" not in first.headers


@pytest.mark.parametrize("changed", ["body", "key", "path"])
async def test_a_repeat_of_something_else_makes_its_own(rig: Rig, changed: str) -> None:
    await post(rig)
    path = "/v1/models/darkroom/echo/predictions" if changed == "path" else "/v1/predictions"
    body = {"input": {"image": "data:,x"}} if changed == "path" else ECHO
    if changed == "body":
        body = {**ECHO, "input": {"image": "data:,y"}}
    _key, other = await rig.keys.create("admin", admin=True, expires_at=None)
    token = other if changed == "key" else KEY
    answer = await post(
        rig, body, path, x_stainless_retry_count="1", authorization=f"Bearer {token}"
    )

    assert answer.status_code == 201
    assert "orphan-adopted" not in answer.headers
    assert len(await rig.listed()) == 2


async def test_the_operator_can_switch_adoption_off(tmp_path: Path) -> None:
    async with open_rig(tmp_path, limits=Limits(adopt_orphans=False)) as rig:
        await post(rig)
        again = await post(rig, x_stainless_retry_count="1")
        named = [await post(rig, idempotency_key="k") for _ in range(2)]

    assert "orphan-adopted" not in again.headers
    assert [replayed(answer)[1] for answer in named] == [None, "true"]


async def test_what_goes_wrong_after_the_commit_is_no_refusal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(*_asked: object) -> bytes:
        raise FilesUnavailable("no disk")

    monkeypatch.setattr(LocalBlobs, "get", fails)
    async with open_rig(tmp_path, inline="on") as rig:
        rig.worker.join()
        waiting = asyncio.create_task(post(rig, LONG, prefer="wait"))
        await rig.worker.succeed(await rig.worker.job())
        answer = await waiting

        assert (answer.status_code, answer.json()["status"]) == (202, "starting")
        assert answer.json()["completed_at"] is None
        assert (await rig.get(answer.json()["id"]))["status"] == "succeeded"


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "told"),
    [
        ("POST", "/v1/predictions", b"{", 400, "false"),
        ("GET", "/v1/nope", b"", 404, "false"),
        ("POST", "/v1/predictions", b'{"version": "x", "input": {}}', 422, "false"),
        ("GET", "/readyz", b"", 200, None),
    ],
)
async def test_a_refusal_says_whether_a_repeat_is_of_use(
    rig: Rig, method: str, path: str, body: bytes, status: int, told: str | None
) -> None:
    answer = await rig.client.request(method, path, content=body)

    assert answer.status_code == status
    assert answer.headers.get("x-should-retry") == told


async def test_a_twin_counts_into_no_queue_before_it_is_known_to_be_one(tmp_path: Path) -> None:
    async with open_rig(tmp_path, limits=Limits(queue=1)) as rig:
        answers = await asyncio.gather(*(post(rig, idempotency_key="k") for _ in range(9)))
        other = await post(rig, idempotency_key="another")

        assert [one.status_code for one in answers] == [201] * 9
        assert len({one.json()["id"] for one in answers}) == 1
        assert other.status_code == 429


async def test_a_twin_of_a_refused_request_is_looked_at_anew(tmp_path: Path) -> None:
    async with open_rig(tmp_path, limits=Limits(queue=1)) as rig:
        first = await post(rig)
        answers = await asyncio.gather(*(post(rig, idempotency_key="k") for _ in range(3)))
        assert [one.status_code for one in answers] == [429] * 3
        await rig.client.post(f"/v1/predictions/{first.json()['id']}/cancel")
        assert replayed(await post(rig, idempotency_key="k")) == (201, None)
