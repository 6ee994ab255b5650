"""What is left of a client's limits, and what it meets beyond them."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import httpx2
import pytest
from starlette.requests import Request
from starlette.types import Scope
from tests.support.limits import Limits
from tests.support.rig import ORIGIN, Rig
from tests.support.rig import rig as open_rig

from darkroom.domain.errors import Throttled
from darkroom.domain.events import EventKind
from darkroom.domain.ids import Owner, PredictionId
from darkroom.http.answers import Site
from darkroom.http.stream import StreamRoutes
from darkroom.ports.webhooks import Answered, Message, Reply

ECHO = {"version": "darkroom/echo", "input": {"image": "data:,x"}}
HOOKED = {**ECHO, "webhook": "https://example.test/hook"}
NAMED = {"Idempotency-Key": "k"}
WRONG = {"Authorization": "Bearer nobody-knows-this-key"}


@pytest.fixture
async def limited(tmp_path: Path) -> AsyncGenerator[Rig]:
    async with open_rig(tmp_path, limits=Limits(rate=3, wrong_keys=2)) as made:
        yield made


def left(answer: httpx2.Response) -> tuple[str | None, str | None]:
    return answer.headers.get("ratelimit-remaining"), answer.headers.get("ratelimit-reset")


@pytest.mark.conformance(8)
async def test_answers_tell_what_is_left_of_each_limit(tmp_path: Path) -> None:
    async with open_rig(tmp_path, limits=Limits(rate=600)) as rig:
        created = await rig.client.post("/v1/predictions", json=ECHO)
        by_name = await rig.client.post(
            "/v1/models/darkroom/echo/predictions", json={"input": ECHO["input"]}
        )
        got = await rig.client.get("/v1/account")
        canceled = await rig.client.post(f"/v1/predictions/{created.json()['id']}/cancel")
        missing = await rig.client.get("/v1/nope")

    assert [left(one) for one in (created, by_name)] == [("599", "1"), ("598", "1")]
    assert [left(one) for one in (got, canceled, missing)] == [
        ("2999", "1"),
        ("2998", "1"),
        ("2997", "1"),
    ]


async def test_what_needs_no_key_and_what_lacks_one_tells_nothing(limited: Rig) -> None:
    answers = [
        await limited.client.get("/v1/account", headers={"Authorization": ""}),
        await limited.client.get("/v1/files"),
        await limited.client.get("/healthz"),
        await limited.client.get("/docs"),
    ]

    assert [left(one) for one in answers] == [(None, None)] * 4


async def test_without_a_limit_nothing_is_told(rig: Rig) -> None:
    assert left(await rig.client.get("/v1/account")) == (None, None)


@pytest.mark.conformance(9, 10)
async def test_past_the_limit_nothing_is_created_and_the_answer_says_when(limited: Rig) -> None:
    answers = [await limited.client.post("/v1/predictions", json=ECHO) for _ in range(5)]

    assert [one.status_code for one in answers] == [201, 201, 201, 429, 429]
    for refused in answers[3:]:
        seconds = refused.json()["retry_after"]
        assert refused.json() == {
            "detail": f"Request was throttled. Your rate limit resets in ~{seconds}s.",
            "status": 429,
            "retry_after": seconds,
        }
        assert isinstance(seconds, int)
        assert 1 <= seconds <= 20
        assert refused.headers["retry-after"] == str(seconds)
        assert refused.headers["content-type"] == "application/problem+json"
        assert "x-should-retry" not in refused.headers
        assert left(refused) == ("0", str(seconds))
    assert len(await limited.listed()) == 3
    limited.clock.forward(20)
    assert (await limited.client.post("/v1/predictions", json=ECHO)).status_code == 201


@pytest.mark.conformance(10)
@pytest.mark.parametrize(
    "path",
    [
        "/v1/predictions",
        "/replicate/v1/predictions",
        "/v1/models/darkroom/echo/predictions",
        "/v1/deployments/admin/none/predictions",
        "/v1/models/darkroom/echo-text/versions/x/trainings",
        "/v1/images/generations",
        "/v1/images/edits",
    ],
)
async def test_every_way_to_create_counts_as_one(limited: Rig, path: str) -> None:
    for _ in range(3):
        await limited.client.post("/v1/predictions", json=ECHO)
    answer = await limited.client.post(path, json=ECHO)

    assert answer.status_code == 429
    assert len(await limited.listed()) == 3


async def test_reads_are_limited_apart_and_by_key(limited: Rig) -> None:
    answers = [await limited.client.get("/v1/account") for _ in range(16)]
    other = {"Authorization": f"Bearer {await limited.key_of('ada')}"}

    assert [one.status_code for one in answers] == [200] * 15 + [429]
    assert (await limited.client.post("/v1/predictions", json=ECHO)).status_code == 201
    assert (await limited.client.get("/v1/account", headers=other)).status_code == 200


async def test_too_many_wrong_keys_are_not_looked_at(limited: Rig) -> None:
    stranger = {"Authorization": f"Bearer {await limited.key_of('ada')}"}
    assert (await limited.client.get("/v1/account")).status_code == 200
    answers = [await limited.client.get("/v1/account", headers=WRONG) for _ in range(4)]

    assert [one.status_code for one in answers] == [401, 401, 429, 429]
    assert "wrong keys" in answers[2].json()["detail"]
    assert answers[2].headers["retry-after"] == str(answers[2].json()["retry_after"])
    assert (await limited.client.get("/v1/account")).status_code == 200
    assert (await limited.client.get("/v1/account", headers=stranger)).status_code == 429
    nothing = {"Authorization": ""}
    assert (await limited.client.get("/v1/account", headers=nothing)).status_code == 401
    limited.clock.forward(60)
    assert (await limited.client.get("/v1/account", headers=stranger)).status_code == 200


async def test_what_the_queue_refuses_has_been_counted_all_the_same(tmp_path: Path) -> None:
    async with open_rig(tmp_path, limits=Limits(rate=600, queue=1)) as rig:
        answers = [await rig.client.post("/v1/predictions", json=ECHO) for _ in range(2)]

    assert [one.status_code for one in answers] == [201, 429]
    assert [left(one)[0] for one in answers] == ["599", "598"]


async def test_an_owners_queue_is_refused_beyond_its_limit_until_one_ends(tmp_path: Path) -> None:
    async with open_rig(tmp_path, limits=Limits(queue=2)) as rig:
        first, _second = [await rig.create() for _ in range(2)]
        refused = await rig.client.post("/v1/predictions", json=ECHO)
        other = {"Authorization": f"Bearer {await rig.key_of('ada')}"}
        others = await rig.client.post("/v1/predictions", json=ECHO, headers=other)
        await rig.client.post(f"/v1/predictions/{first['id']}/cancel")
        taken = await rig.client.post("/v1/predictions", json=ECHO)

        assert refused.status_code == 429
        assert "that have not ended" in refused.json()["detail"]
        assert refused.json()["retry_after"] >= 1
        assert (others.status_code, taken.status_code) == (201, 201)
        assert len(await rig.listed()) == 3


async def test_a_run_that_ends_makes_room_and_a_replay_needs_none(tmp_path: Path) -> None:
    async with open_rig(tmp_path, limits=Limits(queue=1)) as rig:
        rig.worker.join()
        await rig.client.post("/v1/predictions", json=ECHO, headers=NAMED)
        again = await rig.client.post("/v1/predictions", json=ECHO, headers=NAMED)
        assert again.headers["idempotent-replayed"] == "true"
        await rig.worker.succeed(await rig.worker.job())
        await rig.settled()

        assert (await rig.client.post("/v1/predictions", json=ECHO)).status_code == 201


class Nowhere:
    """Satisfies Poster; every message arrives."""

    async def post(self, message: Message) -> Reply:
        return Answered(200 if message.body else 500)


@dataclass(frozen=True)
class Ways:
    """Ways to be told of the end of a prediction."""

    rig: Rig
    shown: Mapping[str, object]

    async def read(self) -> None:
        assert (await self.rig.get(self.shown["id"]))["status"] == "canceled"

    async def list(self) -> None:
        assert [one["status"] for one in await self.rig.listed()] == ["canceled"]

    async def page(self) -> None:
        answer = await self.rig.client.get(f"/p/{self.shown['id']}")
        assert "canceled" in answer.text

    async def stream(self) -> None:
        urls = cast("Mapping[str, str]", self.shown["urls"])
        assert "event: done" in (await self.rig.client.get(urls["stream"])).text

    async def repeat(self) -> None:
        again = await self.rig.client.post("/v1/predictions", json=HOOKED, headers=NAMED)
        assert again.json()["status"] == "canceled"

    async def webhook(self) -> None:
        await self.rig.deliveries.once()
        await self.rig.deliveries.settled()


@pytest.mark.parametrize(
    "told", [Ways.read, Ways.list, Ways.page, Ways.stream, Ways.repeat, Ways.webhook]
)
async def test_whoever_is_told_of_an_end_may_create_the_next_before_the_server_has_heard_of_it(
    tmp_path: Path, told: Callable[[Ways], Awaitable[None]]
) -> None:
    async with open_rig(tmp_path, limits=Limits(queue=1), poster=Nowhere()) as rig:
        made = await rig.client.post("/v1/predictions", json=HOOKED, headers=NAMED)
        assert (await rig.client.post("/v1/predictions", json=ECHO)).status_code == 429
        await rig.store.cancel(made.json()["id"], Owner("admin"))  # not by way of the server
        await told(Ways(rig, made.json()))

        assert (await rig.client.post("/v1/predictions", json=ECHO)).status_code == 201


async def test_a_listener_is_told_of_an_end_that_the_server_has_not_heard_of_once_it_has(
    tmp_path: Path,
) -> None:
    async with open_rig(tmp_path, limits=Limits(queue=1)) as rig:
        made = PredictionId(str((await rig.create())["id"]))
        following = rig.predictions.follow(made, after=0, idle_seconds=0)
        assert await anext(following) is None
        await rig.store.cancel(made, Owner("admin"))
        last = [event async for event in following][-1]

        assert last is not None
        assert last.kind is EventKind.DONE
        assert (await rig.client.post("/v1/predictions", json=ECHO)).status_code == 201


async def test_what_is_refused_for_its_input_leaves_the_queue_as_it_was(tmp_path: Path) -> None:
    async with open_rig(tmp_path, limits=Limits(queue=1)) as rig:
        nobodys = {"image": f"{ORIGIN}/v1/files/{'0' * 26}"}
        wrong: dict[str, object] = {"version": "darkroom/echo", "input": nobodys}
        for _ in range(2):
            assert (await rig.client.post("/v1/predictions", json=wrong)).status_code == 422
        assert (await rig.client.post("/v1/predictions", json=ECHO)).status_code == 201


async def test_a_queue_is_counted_on_after_a_restart(tmp_path: Path) -> None:
    async with open_rig(tmp_path) as rig:
        shown = await rig.create()
    async with open_rig(tmp_path, limits=Limits(queue=1)) as rig:
        await rig.predictions.intake.recover(rig.clock.wall_ms())
        refused = await rig.client.post("/v1/predictions", json=ECHO)
        await rig.client.post(f"/v1/predictions/{shown['id']}/cancel")
        taken = await rig.client.post("/v1/predictions", json=ECHO)

    assert (refused.status_code, taken.status_code) == (429, 201)


async def test_an_owner_opens_only_so_many_streams(tmp_path: Path) -> None:
    async with open_rig(tmp_path, limits=Limits(streams=1)) as rig:
        rig.worker.join()
        shown = await rig.create()
        url = cast("dict[str, str]", shown["urls"])["stream"]
        job = await rig.worker.job()
        several = [asyncio.create_task(rig.client.get(url)) for _ in range(3)]
        done, (open_one,) = await _all_but_one(several)
        await rig.worker.succeed(job)
        taken = [await open_one, await rig.client.get(url)]

    assert [one.result().status_code for one in done] == [429, 429]
    assert [one.status_code for one in taken] == [200, 200]
    assert "Close some" in done.pop().result().json()["detail"]


async def _all_but_one(
    tasks: Sequence["asyncio.Task[httpx2.Response]"],
) -> tuple[set["asyncio.Task[httpx2.Response]"], set["asyncio.Task[httpx2.Response]"]]:
    done, pending = set[asyncio.Task[httpx2.Response]](), set(tasks)
    while len(pending) > 1:
        ended, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
        done |= ended
    return done, pending


async def test_a_stream_that_nobody_reads_counts_until_its_client_is_gone(tmp_path: Path) -> None:
    stuck = asyncio.Event()

    async def send(_message: object) -> None:
        stuck.set()
        await asyncio.Event().wait()

    async def nothing() -> dict[str, object]:
        await asyncio.Event().wait()
        return {}

    async with open_rig(tmp_path, limits=Limits(streams=1)) as rig:
        shown = await rig.create()
        token = cast("dict[str, str]", shown["urls"])["stream"].rpartition("/")[2]
        routes = StreamRoutes(predictions=rig.predictions, capabilities=rig.capabilities)
        scope: Scope = {"type": "http", "method": "GET", "path": "/", "headers": [],
                 "asgi": {"spec_version": "2.4"}, "darkroom.site": Site(ORIGIN, "/v1")}  # fmt: skip
        request = Request(scope, nothing)
        response = await routes.follow(request, token)
        with pytest.raises(Throttled):
            await routes.follow(request, token)
        reading = asyncio.ensure_future(response(scope, nothing, send))
        await stuck.wait()
        with pytest.raises(Throttled):
            await routes.follow(request, token)
        reading.cancel()
        await asyncio.wait([reading])

        assert (await routes.follow(request, token)).status_code == 200


@pytest.mark.fault(20)
async def test_a_disk_that_is_nearly_full_takes_nothing_new(tmp_path: Path) -> None:
    limits = Limits(min_free_bytes=2**30, free_bytes=lambda: 2**20)
    async with open_rig(tmp_path, limits=limits) as rig:
        answer = await rig.client.post("/v1/predictions", json=ECHO)

        assert answer.status_code == 503
        assert "1 MiB free" in answer.json()["detail"]
        assert answer.headers["retry-after"] == "1"
        assert "x-should-retry" not in answer.headers
        assert await rig.listed() == []
