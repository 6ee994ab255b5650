"""The child's half: in order, one end a run, whatever the model's code does."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress

import pytest
from tests.support.versions import make_spec

from darkroom.domain.errors import PeerMisbehaved, RunCanceled
from darkroom.ports.running import RunContext, Runner
from darkroom.protocol.messages import (
    Cancel,
    Entered,
    FromHost,
    Load,
    Loaded,
    Logged,
    NotLoaded,
    Output,
    Over,
    Run,
    Unload,
    VersionSpec,
    Watch,
)
from darkroom.runners.host import Host


class Scripted(Runner):
    """Runs one function a run; counts its setups and closes."""

    def __init__(self, script: Callable[[RunContext], None]) -> None:
        self.script = script
        self.facts: list[str] = []

    async def setup(self, version: VersionSpec, log: Callable[[str], None]) -> None:
        await asyncio.to_thread(log, f"loading {version.id}")
        self.facts.append(f"setup {version.id}")

    async def run(self, context: RunContext) -> None:
        await asyncio.to_thread(self.script, context)

    async def close(self) -> None:
        self.facts.append("close")
        raise OSError("closing hurts")


class Sent:
    """What the host has sent, and a way to wait for a kind of message."""

    def __init__(self) -> None:
        self.messages: list[FromHost] = []
        self._news = asyncio.Event()

    def add(self, message: FromHost, bulk_bytes: int) -> None:
        assert bulk_bytes >= 0
        self.messages.append(message)
        self._news.set()

    async def until(self, kind: type[FromHost]) -> FromHost:
        while not (found := [one for one in self.messages if isinstance(one, kind)]):
            self._news.clear()
            await self._news.wait()
        return found[-1]


def version(name: str = "v") -> VersionSpec:
    return make_spec(id=name, kind="scripted")


@asynccontextmanager
async def hosted(runner: Runner) -> AsyncGenerator[tuple[Host, Sent]]:
    sent = Sent()
    host = Host(lambda _: lambda: runner, sent.add)
    loading = asyncio.create_task(host.load())
    host.received(Load(version()))
    await sent.until(Loaded)
    yield host, sent
    loading.cancel()


async def test_what_a_thread_tells_arrives_in_order_before_the_end() -> None:
    def script(context: RunContext) -> None:
        context.log("one")
        context.output_text("two")
        context.output_file("three", "text/plain", b"3")
        context.metric("count", 3)
        context.metric("broken", float("nan"))

    async with hosted(Scripted(script)) as (host, sent):
        host.received(Run("p1", 7, "v", {}, {}))
        over = await sent.until(Over)
        assert isinstance(over, Over)
        assert sent.messages == [
            Logged("v", 0, "loading v\n"),
            Loaded("v"),
            Entered("p1", 7),
            Logged("p1", 7, "one\n"),
            Output("p1", 7, 0, "", "", b"", '"two"'),
            Output("p1", 7, 1, "three", "text/plain", b"3", None),
            Over("p1", 7, "succeeded", None, '{"count":3}', over.run_seconds),
        ]


async def test_loads_and_unloads_happen_in_order_and_a_close_that_raises_does_no_harm(
    capsys: pytest.CaptureFixture[str],
) -> None:
    runner = Scripted(lambda context: context.log("x"))
    async with hosted(runner) as (host, sent):
        sent.messages.clear()
        host.received(Unload("v"))
        host.received(Unload("never there"))
        host.received(Load(version("w")))
        await sent.until(Loaded)
        assert runner.facts == ["setup v", "close", "setup w"]
        with pytest.raises(PeerMisbehaved, match="v, which is not loaded"):
            host.received(Run("p1", 1, "v", {}, {}))
    assert "closing hurts" in capsys.readouterr().err


async def test_a_runner_whose_setup_fails_is_closed(capsys: pytest.CaptureFixture[str]) -> None:
    class Half(Scripted):
        async def setup(self, version: VersionSpec, log: Callable[[str], None]) -> None:
            await super().setup(version, log)
            raise MemoryError("half the weights are loaded")

    runner = Half(lambda context: context.log("x"))
    sent = Sent()
    host = Host(lambda _: lambda: runner, sent.add)
    loading = asyncio.create_task(host.load())
    for name in ("v", "w"):
        sent.messages.clear()
        host.received(Load(version(name)))
        told = await sent.until(NotLoaded)
        assert told == NotLoaded(name, "MemoryError: half the weights are loaded")
    assert runner.facts[:3] == ["setup v", "close", "setup w"]
    assert "closing hurts" in capsys.readouterr().err
    loading.cancel()


async def test_a_class_that_cannot_be_found_is_told() -> None:
    def find(kind: str) -> Callable[[], Runner]:
        raise LookupError(kind)

    sent = Sent()
    host = Host(find, sent.add)
    loading = asyncio.create_task(host.load())
    host.received(Load(version()))
    assert await sent.until(NotLoaded) == NotLoaded("v", "LookupError: scripted")
    loading.cancel()


@pytest.mark.parametrize("ending", ["returns", "raises", "notices"])
async def test_a_run_told_to_stop_ends_canceled_however_it_returns(ending: str) -> None:
    class Stops(Scripted):
        async def run(self, context: RunContext) -> None:
            try:
                await context.pause(3600)
            except RunCanceled:
                if ending == "notices":
                    raise
            if ending == "raises":
                raise ValueError("half done")

    async with hosted(Stops(lambda context: context.log(""))) as (host, sent):
        host.received(Run("p1", 1, "v", {}, {}))
        await sent.until(Entered)
        host.received(Cancel("p1", 1))
        over = await sent.until(Over)
        assert isinstance(over, Over)
        assert (over.outcome, over.error) == ("canceled", None)


async def test_a_cancel_for_nobody_is_ignored() -> None:
    async with hosted(Scripted(lambda context: context.log("x"))) as (host, sent):
        host.received(Cancel("nobody", 1))
        host.received(Run("p1", 1, "v", {}, {}))
        over = await sent.until(Over)
        assert isinstance(over, Over)
        assert over.outcome == "succeeded"


async def test_a_pause_begun_after_the_cancel_ends_at_once() -> None:
    class Late(Scripted):
        async def run(self, context: RunContext) -> None:
            assert context.canceled
            await context.pause(3600)

    async with hosted(Late(lambda context: context.log(""))) as (host, sent):
        host.received(Run("p1", 1, "v", {}, {}))
        host.received(Cancel("p1", 1))
        over = await sent.until(Over)
        assert isinstance(over, Over)
        assert over.outcome == "canceled"


async def test_a_run_knows_whether_somebody_looks() -> None:
    seen: list[bool] = []

    class Looks(Scripted):
        async def run(self, context: RunContext) -> None:
            seen.append(context.watched)
            with suppress(RunCanceled):
                await context.pause(3600)
            seen.append(context.watched)

    async with hosted(Looks(lambda context: context.log(""))) as (host, sent):
        host.received(Run("p1", 1, "v", {}, {}))
        await sent.until(Entered)
        host.received(Watch("nobody", 1, wanted=True))
        host.received(Watch("p1", 1, wanted=True))
        host.received(Cancel("p1", 1))
        await sent.until(Over)
    assert seen == [False, True]


async def test_a_run_whose_model_gives_up_waiting_is_a_failure(
    capsys: pytest.CaptureFixture[str],
) -> None:
    class Abandons(Scripted):
        async def run(self, context: RunContext) -> None:
            raise asyncio.CancelledError(context.values)

    async with hosted(Abandons(lambda context: context.log(""))) as (host, sent):
        host.received(Run("p1", 1, "v", {}, {}))
        over = await sent.until(Over)
        assert isinstance(over, Over)
        assert over.outcome == "failed"
    assert "CancelledError" in capsys.readouterr().err


async def test_a_setup_that_gives_up_waiting_is_told_and_later_ones_go_on(
    capsys: pytest.CaptureFixture[str],
) -> None:
    class Abandons(Scripted):
        async def setup(self, version: VersionSpec, log: Callable[[str], None]) -> None:
            if version.id == "x":
                raise asyncio.CancelledError
            await super().setup(version, log)

    async with hosted(Abandons(lambda context: context.log(""))) as (host, sent):
        sent.messages.clear()
        host.received(Load(version("x")))
        host.received(Load(version("w")))
        assert await sent.until(NotLoaded) == NotLoaded("x", "CancelledError")
        assert await sent.until(Loaded) == Loaded("w")
    assert "CancelledError" in capsys.readouterr().err
