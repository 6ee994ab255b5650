"""Whatever comes in whatever order: what runs stays loaded, and everybody has a turn."""

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.versions import make_spec

from darkroom.ports.running import WeightsSource
from darkroom.protocol.messages import Key, Load, Loaded, Unload, VersionSpec
from darkroom.worker.residency import Listeners, Residency
from darkroom.worker.resident import Resident, Stage

SIZES = (5, 8, 12, 25)  # of version 0 to 3, in a budget of 20
BUDGET = 20
IDS = [f"{number:064d}" for number in range(len(SIZES))]
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("need"), st.integers(0, 3)),
        st.tuples(st.just("finish"), st.integers(0, 9)),
        st.tuples(st.just("cancel"), st.integers(0, 9)),
        st.tuples(st.just("load"), st.integers(0, 3)),
        st.tuples(st.just("starve"), st.just(0)),
        st.tuples(st.just("lose"), st.just(0)),
        st.tuples(st.just("renew"), st.integers(0, 3)),
    ),
    max_size=40,
)


class Here(WeightsSource):
    """Weights that need not be fetched."""

    async def provide(self, version: VersionSpec, log: Callable[[str], None]) -> VersionSpec:  # noqa: ARG002
        return version


@dataclass
class World:
    """A worker's attempts and its host, moved by hand."""

    most: int
    waiting: dict[Key, Resident] = field(default_factory=dict[Key, Resident])
    running: dict[Key, Resident] = field(default_factory=dict[Key, Resident])
    loading: list[int] = field(default_factory=list[int])
    inside: dict[int, VersionSpec] = field(default_factory=dict[int, VersionSpec])
    came: int = 0
    described: int = 0

    def __post_init__(self) -> None:
        tell = Listeners(send=self.send, ready=self.ready, failed=self.failed, log=self.log)
        self.residency = Residency(self.most, 0.0, Here(), tell)
        for version in range(len(IDS)):
            self.renew(version)

    def renew(self, version: int) -> None:
        """Describe it as it never was before."""
        self.described += 1
        config = {"weights": f"place {self.described}"}
        self.residency.know(make_spec(id=IDS[version], config=config))

    def find(self, version: int) -> Resident:
        return self.residency.versions.find(IDS[version])

    def send(self, _kind: str, message: Load | Unload) -> None:
        if isinstance(message, Load):
            version = IDS.index(message.version.id)
            assert not self.loading  # one after the other
            self.loading.append(version)
            assert version not in self.inside
            self.inside[version] = message.version
            assert not self.most or len(self.inside) <= self.most
        else:
            version = IDS.index(message.version)
            assert IDS[version] not in [one.spec.id for one in self.running.values()]
            del self.inside[version]

    def ready(self, resident: Resident) -> None:
        assert resident.stage is Stage.READY
        for key in list(resident.users):
            if key in self.waiting:
                self.run(key)

    def run(self, key: Key) -> None:
        resident = self.running[key] = self.waiting.pop(key)
        assert self.inside[IDS.index(resident.spec.id)] == resident.spec

    def failed(self, resident: Resident, why: str) -> None:
        raise AssertionError((resident, why))

    def log(self, keys: Collection[Key], _line: str) -> None:
        assert all(key in self.waiting or key in self.running for key in keys)

    def need(self, version: int) -> None:
        self.came += 1
        key = (f"p{self.came}", 1)
        self.waiting[key] = self.find(version)
        if self.residency.need(self.waiting[key], key):
            self.run(key)

    def end(self, keys: dict[Key, Resident], number: int) -> None:
        if keys:
            key = list(keys)[number % len(keys)]
            self.residency.release(keys.pop(key), key)

    def load(self) -> None:
        if self.loading:
            version = self.loading.pop()
            self.residency.loaded(Loaded(IDS[version], SIZES[version], BUDGET))

    def starve(self) -> None:
        """Memory runs out while something is loaded beside something else."""
        if self.loading and len(self.inside) > 1:
            version = self.loading.pop()
            if not self.residency.versions.loading(IDS[version]).alone:
                del self.inside[version]
                self.residency.not_loaded(IDS[version], "CUDA out of memory")
            else:
                self.loading.append(version)

    def lose(self) -> None:
        """The host dies; its runs end, and whoever waits needs it again."""
        self.loading.clear()
        self.inside.clear()
        self.residency.lost("diffusers", starved=False)
        while self.running:
            self.end(self.running, 0)
        for key, resident in list(self.waiting.items()):
            if self.residency.need(resident, key):
                self.run(key)

    def step(self, what: str, number: int) -> None:
        match what:
            case "need":
                self.need(number)
            case "finish":
                self.end(self.running, number)
            case "cancel":
                self.end(self.waiting, number)
            case "load":
                self.load()
            case "starve":
                self.starve()
            case "renew":
                self.renew(number)
            case _:
                self.lose()

    async def settle(self) -> None:
        """Until nothing is fetched any more."""
        here = asyncio.current_task()
        while tasks := [one for one in asyncio.all_tasks() if one is not here]:
            await asyncio.wait(tasks)
        await asyncio.sleep(0)


async def _lived(most: int, steps: list[tuple[str, int]]) -> None:
    world = World(most)
    for what, number in steps:
        world.step(what, number)
        await world.settle()
    for _ in range(4 * len(steps) + 4):  # from now on nobody comes, and whatever began ends
        world.load()
        world.end(world.running, 0)
        await world.settle()
    assert not world.waiting
    assert not world.running
    taken = sum(SIZES[version] for version in world.inside)
    assert taken <= BUDGET or len(world.inside) == 1


@settings(deadline=None, max_examples=300)
@given(st.integers(0, 2), STEPS)
def test_what_runs_stays_and_all_that_wait_are_served_in_the_end(
    most: int, steps: list[tuple[str, int]]
) -> None:
    asyncio.run(_lived(most, steps))


async def _rivals() -> list[int]:
    world = World(1)
    order: list[int] = []
    world.need(0)
    for _ in range(60):  # there is always a run of version 0, and somebody wants version 1
        await world.settle()
        world.load()
        order += [1 for one in world.running.values() if one is world.find(1)]
        world.need(0)
        if world.find(1) not in [*world.running.values(), *world.waiting.values()]:
            world.need(1)
        world.end(world.running, 0)
    return order


def test_a_version_that_is_always_wanted_does_not_keep_another_out() -> None:
    assert len(asyncio.run(_rivals())) > 5
