"""A worker's door on the port of the API: who is let in, what is heard, and how it ends."""

import asyncio
import os
from collections.abc import Awaitable, Sequence
from pathlib import Path

import msgspec
import pytest
from structlog.testing import capture_logs
from tests.http.door import Peer, here
from tests.support.hands import succeeded
from tests.support.limits import Limits
from tests.support.rig import KEY, rig
from tests.support.web import serving

from darkroom.domain.errors import PeerMisbehaved, StoreBusy, WorkerRefused
from darkroom.domain.ids import PredictionId
from darkroom.http.deadlines import PunctualProtocol
from darkroom.ports.predictions import Adopted, Holder
from darkroom.protocol import messages as m
from darkroom.service.keys import Keys
from darkroom.store.predictions import PredictionTables
from darkroom.worker.socket_line import SocketConnector

WISH = (
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
)
TEXT = {"version": "darkroom/echo-text", "input": {"prompt": "x"}}


async def test_a_worker_with_a_token_runs_what_waits_for_its_pool(tmp_path: Path) -> None:
    async with here(tmp_path) as there:
        peer = there.peer()
        assert await peer.hello() == m.Welcome(m.PROTOCOL, 10 / 7)
        (seat,) = there.rig.dispatcher.seats
        assert (seat.pool, seat.holder.remote, seat.holder.worker) == ("default", True, "far")

        asked = there.rig.client.post("/v1/predictions", json=TEXT, headers={"Prefer": "wait"})
        creating = asyncio.ensure_future(asked)
        assert isinstance(await peer.heard.get(), m.Know)
        job = await peer.heard.get()
        assert isinstance(job, m.Job)
        assert peer.line is not None
        peer.line.send(
            m.Told(job.id, job.attempt, True, [m.Gave(0, value='"x"')], succeeded(), 1)  # noqa: FBT003
        )

        assert (await creating).json()["status"] == "succeeded"
        assert await peer.heard.get() == m.Noted(job.id, job.attempt, 1)


async def test_a_worker_of_another_pool_gets_nothing(tmp_path: Path) -> None:
    async with here(tmp_path, pool="gpu") as there:
        peer = there.peer()
        await peer.hello()
        there.rig.worker.join()  # comes later, and would be asked second
        await there.rig.client.post("/v1/predictions", json=TEXT)
        await there.rig.worker.job()

        assert [seat.held for seat in there.rig.dispatcher.seats if seat.pool == "gpu"] == [{}]
        assert peer.heard.empty()


@pytest.mark.parametrize(
    ("token", "words"),
    [
        (KEY, "This is a key of the API: workers have tokens of their own."),
        ("dkr_nothing", "You did not pass a valid authentication token"),
        ("a-string-of-nobody", "You did not pass a valid authentication token"),
    ],
)
async def test_without_a_workers_token_nobody_is_let_in(
    tmp_path: Path, token: str, words: str
) -> None:
    async with here(tmp_path) as there:
        with pytest.raises(WorkerRefused, match=words):
            await there.peer(token).connect()


async def test_a_refused_worker_is_told_in_one_line_of_ours(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with here(tmp_path) as there:
        with capture_logs() as logs, pytest.raises(WorkerRefused):
            await there.peer("dkr_nothing").connect()
    assert [one["address"] for one in logs if one["event"] == "worker.refused"] == ["127.0.0.1"]
    assert not [one for one in caplog.records if one.name.startswith("uvicorn")]


async def test_a_workers_token_opens_nothing_of_the_api(tmp_path: Path) -> None:
    async with here(tmp_path) as there:
        headers = {"Authorization": f"Bearer {there.token}"}
        for path in ("/v1/account", "/v1/predictions", "/api/files/secret"):
            answer = await there.rig.client.get(path, headers=headers)
            assert answer.status_code == 401
            assert "This is a worker's token" in answer.json()["detail"]


async def test_wrong_tokens_count_against_the_limit(tmp_path: Path) -> None:
    async with here(tmp_path, limits=Limits(wrong_keys=2)) as there:
        for _ in range(2):
            with pytest.raises(WorkerRefused):
                await there.peer("a-string-of-nobody").connect()
        with pytest.raises(ConnectionError, match="Too many wrong keys"):
            await there.peer("a-string-of-nobody").connect()


async def test_a_revoked_token_ends_its_connection_for_good(tmp_path: Path) -> None:
    async with here(tmp_path) as there:
        peer = there.peer()
        await peer.hello()
        there.rig.sockets.sweep()
        await there.rig.keys.revoke(there.key_id)
        there.rig.sockets.sweep()
        await peer.gone.wait()

        with pytest.raises(WorkerRefused, match="token was revoked or has expired"):
            await peer.connect()
        with pytest.raises(WorkerRefused, match="valid authentication token"):
            await there.peer().connect()


async def test_a_token_that_another_server_has_revoked_ends_its_connection_too(
    tmp_path: Path,
) -> None:
    async with here(tmp_path) as there:
        peer = there.peer()
        await peer.hello()
        other = Keys(there.rig.key_store, there.rig.clock, os.urandom)
        await other.revoke(there.key_id)
        await there.rig.keys.load()  # as a hint or the sweep has it done
        there.rig.sockets.sweep()
        await peer.gone.wait()

        with pytest.raises(WorkerRefused, match="token was revoked"):
            await peer.connect()


class Unready(PredictionTables):
    """A database that does not answer when a worker comes."""

    def adopt(self, holder: Holder, held: Sequence[tuple[PredictionId, int]]) -> Awaitable[Adopted]:
        raise StoreBusy(f"nobody answers {holder.worker}, who holds {len(held)}")


async def test_a_worker_that_comes_when_the_database_is_away_may_come_again(
    tmp_path: Path,
) -> None:
    async with here(tmp_path, store_class=Unready) as there:
        peer = there.peer()
        await peer.say_hello()
        await peer.gone.wait()
        assert peer.line is not None
        assert peer.line.fault == "nobody answers far, who holds 0"
        await peer.connect()


@pytest.mark.parametrize(
    ("name", "changes", "words"),
    [
        ("local-1", {}, "not begin with local-"),
        ("", {}, "must be 1 to 100 printable characters"),
        ("far\n", {}, "printable"),
        ("gpu/far", {}, "no slash"),
        ("far", {"protocol": 9, "oldest": 4}, "speaks protocols 4 to 9, this server 2 to 3"),
        ("far", {"protocol": 1}, "speaks protocols 1 to 1, this server 2 to 3"),
    ],
)
async def test_a_worker_that_does_not_fit_is_told_why_and_not_to_come_again(
    tmp_path: Path, name: str, changes: dict[str, int], words: str
) -> None:
    async with here(tmp_path) as there:
        peer = there.peer()
        await peer.say_hello(name, **changes)
        await peer.gone.wait()

        assert not there.rig.dispatcher.seats
        with pytest.raises(WorkerRefused, match=words):
            await peer.connect()


@pytest.mark.parametrize(
    "changes", [{"incarnation": 2**63}, {"incarnation": -1}, {"slots": {"echo-text": 2**63}}]
)
async def test_numbers_that_no_database_holds_keep_nobody_from_their_work(
    tmp_path: Path, changes: dict[str, object]
) -> None:
    async with here(tmp_path) as there:
        peer = there.peer()
        line = await peer.connect()
        hello = m.Hello(m.PROTOCOL, "far", 1, "", {"echo-text": 1})
        line.send(msgspec.structs.replace(hello, **changes))
        await peer.gone.wait()

        await there.rig.client.post("/v1/predictions", json=TEXT)
        there.rig.worker.join()
        await there.rig.worker.job()


async def test_two_workers_of_one_name_are_told_apart_and_the_second_may_come_later(
    tmp_path: Path,
) -> None:
    async with here(tmp_path) as there:
        first, second = there.peer(), there.peer()
        await first.hello()
        line = await second.connect()
        line.send(m.Hello(m.PROTOCOL, "far", 2, "", {}))
        await second.gone.wait()

        assert "another worker called far is connected" in (line.fault or "")
        assert len(there.rig.dispatcher.seats) == 1
        await second.connect()


async def test_a_worker_of_another_pool_may_have_the_same_name_and_changes_nothing(
    tmp_path: Path,
) -> None:
    async with here(tmp_path) as there:
        mine = there.peer()
        await mine.hello()
        creating = there.rig.client.post("/v1/predictions", json=TEXT)
        held = (await creating).json()["id"]
        assert isinstance(await mine.heard.get(), m.Know)
        assert isinstance(await mine.heard.get(), m.Job)
        assert mine.line is not None
        mine.line.close()  # away for a moment
        await mine.gone.wait()

        _, token = await there.rig.keys.create_worker("other", expires_at=None)
        other = there.peer(token)
        line = await other.connect()
        line.send(m.Hello(m.PROTOCOL, "far", 2, "", {"echo-text": 4}, held=[(held, 1)]))
        assert await other.heard.get() == m.Welcome(m.PROTOCOL, 10 / 7)

        back = await mine.connect()
        back.send(m.Hello(m.PROTOCOL, "far", 1, "", {"echo-text": 4}, held=[(held, 1)]))
        assert await mine.heard.get() == m.Welcome(m.PROTOCOL, 10 / 7, [(held, 1)])
        shown = (await there.rig.client.get("/api/pools")).json()["results"]
        assert [[one["name"] for one in pool["workers"]] for pool in shown] == [["far"], ["far"]]


async def test_a_question_of_the_command_line_is_not_answered_here(tmp_path: Path) -> None:
    async with here(tmp_path) as there:
        peer = there.peer()
        line = await peer.connect()
        line.send(m.Ask("keys.create", "{}"))
        await peer.gone.wait()

        assert "which has a door of its own" in (line.fault or "")


async def test_an_open_line_owes_no_head_of_a_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PunctualProtocol, "head_seconds", 0.1)
    async with here(tmp_path) as there:
        peer = there.peer()
        await peer.hello()
        idle, writer = await there.talk()
        assert await idle.read() == b""  # who opened later and sent nothing was cut
        writer.close()

        assert peer.line is not None
        peer.line.send(m.Hello(2, "far", 1, "", {}))
        await peer.gone.wait()
        assert peer.line.fault == "worker far said hello twice"


async def test_a_wish_for_a_websocket_elsewhere_is_ignored(tmp_path: Path) -> None:
    async with here(tmp_path) as there:
        reader, writer = await there.talk("GET /healthz HTTP/1.1", *WISH)
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        writer.close()


@pytest.mark.parametrize(
    "lines",
    [
        ["X: " + "a" * 9000],
        [f"X-{number}: a" for number in range(200)],
        ["Content-Length: 1"],
        ["Transfer-Encoding: chunked"],
    ],
    ids=lambda lines: str(lines[0][:20]),
)
async def test_a_wish_that_cannot_be_read_keeps_no_connection_open(
    tmp_path: Path, lines: Sequence[str]
) -> None:
    async with here(tmp_path) as there:
        reader, writer = await there.talk("GET /api/workers HTTP/1.1", *WISH, *lines)
        assert (await reader.read()).startswith(b"HTTP/1.1 400")
        writer.close()


async def test_a_worker_that_does_not_answer_pings_is_cut(tmp_path: Path) -> None:
    async with here(tmp_path, ping_seconds=0.05) as there:
        token = f"Authorization: Bearer {there.token}"
        reader, writer = await there.talk("GET /api/workers HTTP/1.1", token, *WISH)
        assert b" 101 " in await reader.readline()
        await reader.read()  # ends because the server ends it
        writer.close()


async def test_a_plain_request_at_the_door_is_told_what_the_proxy_may_lack(tmp_path: Path) -> None:
    async with here(tmp_path) as there:
        headers = {"Authorization": f"Bearer {there.token}"}
        answer = await there.rig.client.get("/api/workers", headers=headers)
        assert answer.status_code == 426
        assert "the proxy before the server" in answer.json()["detail"]


async def test_a_line_ends_with_its_server_and_its_worker_may_come_again(tmp_path: Path) -> None:
    async with rig(tmp_path) as made:
        _, token = await made.keys.create_worker("default", expires_at=None)
        async with serving(made.app) as (url, web):
            peer = Peer(SocketConnector(url, token, silence_seconds=60))
            await peer.hello()
            web.should_exit = True
            await peer.gone.wait()
        with pytest.raises(OSError):  # noqa: PT011  # and no WorkerRefused
            await peer.connect()


async def test_a_message_that_a_worker_cannot_heed_ends_the_line(tmp_path: Path) -> None:
    def heed(message: m.ToWorker) -> None:
        raise PeerMisbehaved(f"no {type(message).__name__} was wanted")

    async with here(tmp_path) as there:
        gone = asyncio.Event()
        connector = SocketConnector(there.url, there.token, silence_seconds=60)
        line = await connector.connect(heed, gone.set)
        line.send(m.Hello(m.PROTOCOL, "far", 1, "", {}))
        await gone.wait()

        assert line.fault == "no Welcome was wanted"
