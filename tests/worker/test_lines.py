"""A remote worker outlives its lines: it goes on, comes back, and tells what nobody noted."""

import asyncio
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from tests.worker.elsewhere import Far, far
from tests.worker.scripted import spec
from tests.worker.test_remote import Kept

from darkroom.domain.errors import WorkerRefused
from darkroom.protocol.messages import (
    Beat,
    Draining,
    Gave,
    Granted,
    Hello,
    Key,
    Noted,
    Stop,
    Told,
    Wants,
    Welcome,
)
from darkroom.worker import client

LONG = '{"ms": 3600000}'
TEXT = spec("echo-text", output="text")
WORDS = '{"prompt": "one two three four five six seven eight", "ms": 30}'
SHORT = '{"ms": 0, "image": "data:,GIF89a"}'


async def started(here: Far, name: str = "p1") -> Key:
    """A run that takes for ever, and whose start was told as number 1."""
    key = here.job(LONG, name=name)
    await here.until(lambda: any(one.id == name and one.started for one in here.line.all(Told)))
    return key


@pytest.mark.fault(4)
async def test_a_run_goes_on_without_a_line_and_its_end_is_told_on_the_next(
    tmp_path: Path,
) -> None:
    async with far(tmp_path) as here:
        key = here.job('{"ms": 50, "image": "data:,GIF89a"}')
        await here.told()
        here.break_line(stay_down=True)
        tries = here.lines.tries
        await here.until(lambda: here.lines.tries > tries + 9)
        here.lines.up = True
        hello = await here.welcome(key)
        end = await here.end_of(key)

    assert hello.held == [key]
    assert end.ended is not None
    assert end.ended.outcome == "succeeded"


@pytest.mark.fault(12)
async def test_what_was_not_noted_is_told_again_and_what_was_noted_is_not(tmp_path: Path) -> None:
    async with far(tmp_path) as here:
        key = here.job(WORDS, version=TEXT)
        first = await here.end_of(key)
        before = here.line.all(Told)
        here.note(before[0])
        here.break_line()
        hello = await here.welcome(key)
        again = here.line.all(Told)
        here.note(again[-1])
        here.break_line()
        last = await here.hello()

    assert first == before[-1]
    assert [one.number for one in before] == list(range(1, len(before) + 1))
    assert len(before) > 2
    assert hello.held == [key]
    assert again == before[1:]
    assert last.held == []


@pytest.mark.fault(7, 8)
async def test_what_a_worker_may_not_keep_is_stopped_without_a_word(tmp_path: Path) -> None:
    async with far(tmp_path) as here:
        kept, lost = await started(here), await started(here, "p2")
        here.break_line()
        hello = await here.welcome(kept)
        await here.until(lambda: any(one.held == [kept] for one in here.line.all(Beat)))
        here.line.received(Stop(*kept))
        end = await here.end_of(kept)

    assert set(hello.held) == {kept, lost}
    assert end.ended is not None
    assert end.ended.outcome == "canceled"
    assert {one.id for one in here.line.all(Told)} == {"p1"}


async def test_an_end_that_is_not_wanted_any_more_is_forgotten(tmp_path: Path) -> None:
    async with far(tmp_path) as here:
        key = here.job(SHORT)
        await here.end_of(key)
        here.break_line()
        first = await here.welcome()
        here.break_line()
        second = await here.welcome()

    assert (first.held, second.held) == ([key], [])


async def test_a_beat_lists_what_is_not_noted(tmp_path: Path) -> None:
    """Else the server would take the run for lost."""
    async with far(tmp_path) as here:
        key = here.job(SHORT)
        end = await here.end_of(key)
        beats = len(here.line.all(Beat))
        await here.until(lambda: len(here.line.all(Beat)) > beats + 1)
        unnoted = here.line.all(Beat)[-1].held
        here.note(end)
        beats = len(here.line.all(Beat))
        await here.until(lambda: len(here.line.all(Beat)) > beats + 1)

    assert unnoted == [key]
    assert here.line.all(Beat)[-1].held == []


async def test_an_output_waits_for_a_line_and_asks_again_for_its_place(tmp_path: Path) -> None:
    signed = Kept()
    async with far(tmp_path, signed=signed) as here:
        key = here.job(SHORT, puts=[])
        await here.until(lambda: bool(here.line.all(Wants)))
        here.break_line()
        await here.welcome(key)
        await here.until(lambda: bool(here.line.all(Wants)))
        here.line.received(Granted(*key, 0, "place"))
        end = await here.end_of(key)

    assert end.ended is not None
    assert end.ended.outcome == "succeeded"
    assert signed.files == {"place": b"GIF89a"}


async def test_an_address_is_not_tried_while_there_is_no_line(tmp_path: Path) -> None:
    signed = Kept()
    async with far(tmp_path, signed=signed) as here:
        key = here.job('{"ms": 20, "image": "data:,GIF89a"}', puts=["place"])
        await here.told()
        here.break_line(stay_down=True)
        tries = here.lines.tries
        await here.until(lambda: here.lines.tries > tries + 19)
        tried = list(signed.tried)
        here.lines.up = True
        await here.welcome(key)
        await here.end_of(key)

    assert tried == []
    assert signed.tried == ["place"]


@pytest.mark.fault(25)
async def test_a_worker_told_to_end_waits_until_its_last_word_is_noted(tmp_path: Path) -> None:
    async with far(tmp_path) as here:
        key = here.job(SHORT)
        await here.end_of(key)
        here.break_line(stay_down=True)
        here.worker.drain()
        tries = here.lines.tries
        await here.until(lambda: here.lines.tries > tries)
        waits = not here.running.done()
        here.lines.up = True
        await here.welcome(key)
        drainings = len(here.line.all(Draining))
        here.note(here.line.all(Told)[-1])

        assert await here.running is True
    assert waits
    assert drainings == 1


async def test_a_worker_that_ends_its_line_itself_misses_no_server(tmp_path: Path) -> None:
    with capture_logs() as logs:
        async with far(tmp_path) as here:
            await here.welcome()
            here.worker.drain()
            assert await here.running is True

    assert [one for one in logs if one["event"] == "server.away"] == []


async def test_a_worker_told_to_end_without_a_server_ends_in_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "SETTLE_SECONDS", 0.01)
    async with far(tmp_path) as here:
        await started(here)
        here.break_line(stay_down=True)
        here.worker.drain(0.01)

        assert await here.running is False


async def test_an_idle_worker_without_a_server_ends_at_once(tmp_path: Path) -> None:
    async with far(tmp_path) as here:
        here.break_line(stay_down=True)
        here.worker.drain()

        assert await here.running is True


async def test_a_worker_that_is_refused_for_good_ends(tmp_path: Path) -> None:
    async with far(tmp_path) as here:
        await started(here)
        here.lines.refusal = "the worker's token was revoked"
        here.break_line()

        with pytest.raises(WorkerRefused, match="revoked"):
            await here.running


async def test_a_server_that_notes_nothing_ends_the_line(tmp_path: Path) -> None:
    async with far(tmp_path) as here:
        here.break_line()
        await here.hello()
        with pytest.raises(client.PeerMisbehaved, match="speaks 2 to"):
            here.line.received(Welcome(1, 1.0))


async def test_what_is_said_without_a_line_is_put_together(tmp_path: Path) -> None:
    async with far(tmp_path) as here:
        key = here.job(WORDS, version=TEXT)
        await here.told()
        here.break_line(stay_down=True)
        tries = here.lines.tries
        await here.until(lambda: here.lines.tries > tries + 99)
        here.lines.up = True
        await here.welcome(key)
        end = await here.end_of(key)

    words = [one.index for one in end.events if isinstance(one, Gave)]
    assert here.line.bulk >= sum(
        len(one.value or "") for one in end.events if isinstance(one, Gave)
    )
    assert len(words) > 1
    assert words == list(range(words[0], 8))


async def test_a_hello_comes_before_anything_else_and_again_on_every_line(tmp_path: Path) -> None:
    async with far(tmp_path) as here:
        await started(here)
        here.break_line()
        await here.hello()
        await asyncio.sleep(0)
        before = [type(one) for one in here.line.sent]
        await here.welcome(("p1", 1))
        noted = Noted("p1", 1, 1)
        here.line.received(noted)

    assert before == [Hello]
