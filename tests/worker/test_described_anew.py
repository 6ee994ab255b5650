"""A version that a server describes otherwise than the last one did: what it was before goes first.

A version of the operator's file keeps its id while its entry changes.
"""

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.support.versions import make_spec
from tests.worker.elsewhere import far
from tests.worker.scripted import Heard, rig, spec
from tests.worker.test_residency import BEAT, LONG, said, until, weighing
from tests.worker.test_stops import started

from darkroom.domain.errors import WeightsUnavailable
from darkroom.ports.running import WeightsSource
from darkroom.protocol.messages import Beat, Keep, Key, Know, Load, Loaded, Unload, VersionSpec
from darkroom.worker.residency import Listeners, Residency
from darkroom.worker.resident import Resident

LINE = "waiting: acme/parrot has changed; runs of what it was before end first\n"
PARROT = 7
ONE: Key = ("one", 1)
TWO: Key = ("two", 1)
THREE: Key = ("three", 1)


def parrot(word: str, *, heavy: bool = True) -> VersionSpec:
    """Says *word* before whatever it is given; *heavy*, it counts as one with weights."""
    weights = {"weights": "hf://some/where"} if heavy else {}
    config = {"prefix": word, **weights}
    return spec("echo-text", id=f"{PARROT:064d}", model="acme/parrot", config=config)


def words(heard: Heard) -> str:
    assert heard.end.outcome == "succeeded", heard.end
    return "".join((one.value or "").strip('"') for one in heard.gave)


@pytest.mark.parametrize("heavy", [True, False])
async def test_the_next_run_is_of_what_the_version_is_now(tmp_path: Path, heavy: bool) -> None:  # noqa: FBT001
    async with rig(tmp_path, beat_seconds=BEAT) as here:
        before = await here.server.run(parrot("old", heavy=heavy), {"prompt": "x"})
        here.server.send(Know(parrot("new", heavy=heavy)))
        await until(here)
        after = await here.server.run(parrot("new", heavy=heavy), {"prompt": "x"})
        assert (words(before), words(after)) == ("old x", "new x")
        await until(here, PARROT)


@pytest.mark.parametrize("heavy", [True, False])
async def test_what_runs_goes_on_and_who_comes_later_waits_and_is_told_why(
    tmp_path: Path,
    heavy: bool,  # noqa: FBT001
) -> None:
    async with rig(tmp_path, beat_seconds=BEAT) as here:
        old, new = parrot("old", heavy=heavy), parrot("new", heavy=heavy)
        busy = await started(here.server.job(old, {"prompt": "x", **LONG}, name="busy"))
        here.server.send(Know(new))
        late = here.server.job(new, {"prompt": "x"}, name="late")
        await said(late, LINE)
        await until(here)
        assert not busy.ended.is_set()
        here.server.stop("busy")
        await late.ended.wait()
        assert words(late) == "new x"


async def test_a_run_that_waits_for_room_has_what_it_was_accepted_for(tmp_path: Path) -> None:
    async with rig(tmp_path, resident_models=1) as here:
        await started(here.server.job(weighing(1), LONG, name="busy"))
        first = here.server.job(parrot("old"), {"prompt": "x"}, name="first")
        await said(first, "waiting for room: acme/m1 runs\n")
        here.server.send(Know(parrot("new")))
        second = here.server.job(parrot("new"), {"prompt": "x"}, name="second")
        await said(second, LINE)
        here.server.stop("busy")
        await first.ended.wait()
        await second.ended.wait()
        assert [words(first), words(second)] == ["old x", "new x"]


async def test_a_pinned_version_that_is_of_another_kind_by_now_goes_to_another_host(
    tmp_path: Path,
) -> None:
    async with rig(tmp_path) as here:
        before = await here.server.run(weighing(PARROT), {})
        here.server.send(Keep(parrot("new"), pinned=True))
        after = await here.server.run(parrot("new"), {"prompt": "x"})
        assert (words(before), words(after)) == (f"{PARROT:064d}", "new x")


async def test_a_worker_elsewhere_takes_the_word_of_the_server_it_comes_back_to(
    tmp_path: Path,
) -> None:
    async with far(tmp_path) as here:
        key = here.job('{"prompt": "x"}', version=parrot("old"))
        here.note(await here.end_of(key))
        here.break_line()
        here.known.clear()
        await here.welcome()
        await here.until(lambda: bool(here.line.all(Beat)))
        assert here.line.all(Beat)[0].resident == [parrot("old").id]
        told = await here.end_of(here.job('{"prompt": "x"}', name="p2", version=parrot("new")))
        assert '"new"' in str(told.events)


class Slow(WeightsSource):
    """Weights that come, or fail to, when a test says so."""

    def __init__(self) -> None:
        self.wanted: list[tuple[VersionSpec, asyncio.Future[None]]] = []
        self.asked = asyncio.Event()

    async def provide(self, version: VersionSpec, log: Callable[[str], None]) -> VersionSpec:  # noqa: ARG002
        come = asyncio.get_running_loop().create_future()
        self.wanted.append((version, come))
        self.asked.set()
        await come
        return version


@dataclass
class Bench:
    """A residency, and what it asks of its host."""

    asked: list[str] = field(default_factory=list[str])
    ran: list[tuple[Key, str]] = field(default_factory=list[tuple[Key, str]])
    failed: list[Key] = field(default_factory=list[Key])
    lines: list[str] = field(default_factory=list[str])

    def __post_init__(self) -> None:
        self.weights = Slow()
        tell = Listeners(send=self._send, ready=self._ready, failed=self._failed, log=self._log)
        self.residency = Residency(0, 10.0, self.weights, tell)

    def know(self, word: str, kind: str = "diffusers") -> Resident:
        config = {"weights": word}
        return self.residency.know(make_spec(kind=kind, model="acme/parrot", config=config))

    def need(self, resident: Resident, key: Key) -> None:
        if self.residency.need(resident, key):
            self._ready(resident)

    async def come(self, word: str) -> None:
        """Let the weights of that name arrive."""
        await self._come(word, None)

    async def never_come(self, word: str) -> None:
        await self._come(word, WeightsUnavailable("no network"))

    async def _come(self, word: str, error: Exception | None) -> None:
        while not (
            found := [one for one in self.weights.wanted if one[0].config["weights"] == word]
        ):
            self.weights.asked.clear()
            await self.weights.asked.wait()
        self.weights.wanted.remove(found[0])
        if error is None:
            found[0][1].set_result(None)
        else:
            found[0][1].set_exception(error)
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)

    async def load(self, word: str) -> None:
        await self.come(word)
        self.loaded()

    def loaded(self) -> None:
        self.residency.loaded(Loaded(make_spec().id))

    def _send(self, kind: str, message: Load | Unload) -> None:
        what = message.version.config["weights"] if isinstance(message, Load) else "unload"
        self.asked.append(what if kind == "diffusers" else f"{kind}: {what}")

    def _ready(self, resident: Resident) -> None:
        self.ran += [(key, resident.spec.config["weights"]) for key in resident.users]

    def _failed(self, resident: Resident, why: str) -> None:  # noqa: ARG002
        for key in list(resident.users):
            self.failed.append(key)
            self.residency.release(resident, key)

    def _log(self, keys: Collection[Key], line: str) -> None:
        self.lines += [line for _ in keys]


@pytest.fixture
async def bench() -> Bench:
    return Bench()


async def test_what_is_idle_goes_at_once_and_comes_back_when_it_is_needed(bench: Bench) -> None:
    old = bench.know("old")
    bench.need(old, ONE)
    await bench.load("old")
    bench.residency.release(old, ONE)
    bench.know("new")
    assert bench.asked == ["old", "unload"]
    assert not bench.residency.versions.ready
    bench.need(bench.know("new"), TWO)
    await bench.load("new")
    assert bench.ran == [(ONE, "old"), (TWO, "new")]


async def test_what_is_pinned_is_loaded_anew_at_once_and_stays_pinned(bench: Bench) -> None:
    bench.residency.keep(bench.know("old"), pinned=True, load=True)
    await bench.load("old")
    new = bench.know("new")
    await bench.load("new")
    assert bench.asked == ["old", "unload", "new"]
    assert new.pinned


async def test_what_arrives_for_the_old_one_is_not_taken_for_the_new_one(bench: Bench) -> None:
    old = bench.know("old")
    bench.need(old, ONE)
    await asyncio.sleep(0)
    bench.residency.release(old, ONE)
    bench.need(bench.know("new"), TWO)
    await bench.come("old")
    assert bench.asked == []
    await bench.load("new")
    assert (bench.asked, bench.ran) == (["new"], [(TWO, "new")])


async def test_weights_that_the_old_one_cannot_have_are_no_trouble_of_the_new_one(
    bench: Bench,
) -> None:
    bench.need(bench.know("old"), ONE)
    bench.need(bench.know("new"), TWO)
    await bench.never_come("old")
    await bench.load("new")
    assert (bench.failed, bench.ran) == ([ONE], [(TWO, "new")])
    assert not bench.residency.versions.troubles


async def test_a_load_that_nobody_wants_any_more_ends_before_the_new_one_begins(
    bench: Bench,
) -> None:
    old = bench.know("old")
    bench.need(old, ONE)
    await bench.come("old")
    bench.residency.release(old, ONE)
    bench.need(bench.know("new"), TWO)
    assert bench.asked == ["old"]
    bench.loaded()
    assert bench.asked == ["old", "unload"]
    await bench.load("new")
    assert (bench.asked[2:], bench.ran) == (["new"], [(TWO, "new")])


@pytest.mark.parametrize("awaited", [True, False])
async def test_a_load_of_the_old_one_that_fails_makes_way_for_the_new_one(
    bench: Bench,
    awaited: bool,  # noqa: FBT001
) -> None:
    old = bench.know("old")
    bench.need(old, ONE)
    await bench.come("old")
    bench.need(bench.know("new"), TWO)
    if not awaited:
        bench.residency.release(old, ONE)
    bench.residency.not_loaded(old.spec.id, "no such layer")
    await bench.load("new")
    assert (bench.asked, bench.ran) == (["old", "new"], [(TWO, "new")])
    assert bench.failed == ([ONE] if awaited else [])
    assert not bench.residency.versions.troubles


@pytest.mark.parametrize("awaited", [True, False])
async def test_a_host_that_is_lost_while_it_loads_the_old_one_gets_the_new_one(
    bench: Bench,
    awaited: bool,  # noqa: FBT001
) -> None:
    old = bench.know("old")
    bench.need(old, ONE)
    await bench.come("old")
    bench.need(bench.know("new"), TWO)
    if not awaited:
        bench.residency.release(old, ONE)
    assert bench.residency.lost("diffusers", starved=False) == [old]
    bench.residency.release(old, ONE)
    await bench.load("new")
    assert (bench.asked, bench.ran) == (["old", "new"], [(TWO, "new")])


async def test_a_host_that_is_lost_with_runs_of_the_old_one_gets_the_new_one(bench: Bench) -> None:
    old = bench.know("old")
    bench.need(old, ONE)
    await bench.load("old")
    new = bench.know("new")
    bench.need(new, TWO)
    assert bench.residency.lost("diffusers", starved=False) == []
    bench.residency.release(old, ONE)
    assert not bench.residency.need(new, TWO)
    await bench.load("new")
    assert (bench.asked, bench.ran) == (["old", "new"], [(ONE, "old"), (TWO, "new")])


async def test_a_version_of_another_kind_waits_for_the_old_ones_host_too(bench: Bench) -> None:
    old = bench.know("old")
    bench.need(old, ONE)
    await bench.load("old")
    bench.need(bench.know("new", kind="cog"), TWO)
    assert bench.residency.lost("cog", starved=False) == []
    assert bench.asked == ["old"]
    bench.residency.release(old, ONE)
    await bench.load("new")
    assert bench.asked == ["old", "unload", "cog: new"]


async def test_of_several_descriptions_those_that_runs_wait_for_come_in_turn(bench: Bench) -> None:
    first = bench.know("first")
    bench.need(first, ONE)
    await bench.load("first")
    bench.know("never")
    second = bench.know("second")
    bench.need(second, TWO)
    bench.need(bench.know("third"), THREE)
    bench.residency.release(first, ONE)
    await bench.load("second")
    bench.residency.release(second, TWO)
    await bench.load("third")
    assert bench.asked == ["first", "unload", "second", "unload", "third"]
    assert bench.ran == [(ONE, "first"), (TWO, "second"), (THREE, "third")]
    assert bench.lines.count(LINE.strip()) == 2


async def test_what_is_described_as_before_stays_as_it_is(bench: Bench) -> None:
    old = bench.know("old")
    bench.need(old, ONE)
    await bench.load("old")
    assert bench.know("old") is old
    assert bench.asked == ["old"]
