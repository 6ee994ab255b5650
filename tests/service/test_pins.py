"""What is to be kept loaded is told to whoever can load it, whenever it comes."""

import asyncio
from collections.abc import Mapping

import pytest

from darkroom.domain.errors import InvalidSetting, StillNeeded
from darkroom.domain.ids import WorkerId
from darkroom.domain.model import Version
from darkroom.ports.predictions import Holder
from darkroom.protocol.messages import Keep
from darkroom.service.catalogue import Catalogue, load_catalogue
from darkroom.service.pins import PinnedBy, Pins
from darkroom.service.seats import Seat

PINNED: Mapping[str, Mapping[str, object]] = {
    "acme/one": {"runner": "diffusers", "family": "stable-diffusion", "pin": True},
    "acme/two": {"runner": "diffusers", "family": "flux2-klein"},
    "acme/far": {"runner": "diffusers", "family": "flux2-klein", "pool": "far", "pin": True},
}


def latest(catalogue: Catalogue, name: str) -> Version:
    return catalogue.model("acme", name).latest


class Scene:
    """Pins of a catalogue, and workers that take note of what they are sent."""

    def __init__(self, entries: Mapping[str, Mapping[str, object]] = PINNED) -> None:
        self.catalogue = load_catalogue(entries)
        self.seats: list[Seat] = []
        self.sent: dict[str, list[Keep]] = {}
        self.pins = Pins(self.catalogue, lambda: self.seats)
        self.one, self.two, self.far = (latest(self.catalogue, name) for name in PINNED_NAMES)

    async def come(self, name: str = "w", *, pool: str = "default", kind: str = "diffusers",
                   protocol: int = 3) -> Seat:  # fmt: skip
        sent = self.sent.setdefault(name, [])

        def send(message: object) -> None:
            assert isinstance(message, Keep)
            sent.append(message)

        seat = Seat(holder=Holder(worker=WorkerId(name), incarnation=1), pool=pool,
                    slots={kind: 1}, send=send, close=lambda: None, heard_at=0,
                    protocol=protocol)  # fmt: skip
        self.seats.append(seat)
        self.pins.greet(seat)
        await asyncio.sleep(0)
        return seat

    def told(self, name: str = "w") -> list[tuple[str, bool, bool]]:
        return [(one.version.model, one.pinned, one.load) for one in self.sent[name]]


PINNED_NAMES = ("one", "two", "far")


async def test_a_worker_that_comes_hears_what_its_pool_keeps() -> None:
    scene = Scene()
    await scene.come("near")
    await scene.come("far", pool="far")
    assert scene.told("near") == [("acme/one", True, True)]
    assert scene.told("far") == [("acme/far", True, True)]


async def test_a_worker_that_knows_no_keep_or_not_the_kind_hears_nothing() -> None:
    scene = Scene()
    await scene.come("old", protocol=2)
    await scene.come("small", kind="echo")
    assert scene.told("old") == scene.told("small") == []
    assert scene.pins.standing(scene.one).workers == []


async def test_a_pin_is_told_now_and_to_whoever_comes_until_it_is_taken_back() -> None:
    scene = Scene()
    await scene.come("before")
    standing = scene.pins.pin(scene.two)
    await scene.come("after")
    scene.pins.unpin(scene.two)
    assert (standing.pinned, standing.workers) == (PinnedBy.VERB, ["before"])
    assert scene.told("before")[1:] == [("acme/two", True, True), ("acme/two", False, False)]
    assert scene.told("after")[1:] == [("acme/two", True, True), ("acme/two", False, False)]
    assert scene.pins.standing(scene.two).pinned is None


async def test_what_is_not_pinned_is_unpinned_in_silence() -> None:
    scene = Scene()
    await scene.come()
    scene.pins.unpin(scene.two)
    assert scene.told() == [("acme/one", True, True)]


async def test_a_pin_of_the_file_stays() -> None:
    scene = Scene()
    with pytest.raises(StillNeeded, match=r"acme/one is pinned in darkroom\.yaml"):
        scene.pins.unpin(scene.one)


async def test_to_warm_is_to_load_once_and_leaves_a_pin_as_it_is() -> None:
    scene = Scene()
    await scene.come()
    scene.pins.warm(scene.two)
    scene.pins.warm(scene.one)
    await scene.come("after")
    assert scene.told()[1:] == [("acme/two", False, True), ("acme/one", True, True)]
    assert scene.told("after") == [("acme/one", True, True)]


async def test_a_standing_tells_where_it_is_loaded_and_why_not() -> None:
    scene = Scene()
    here, there = await scene.come("here"), await scene.come("there")
    here.stands([scene.two.id], {})
    there.stands([], {scene.two.id: "no network", "0" * 64: "unknown to this server"})
    standing = scene.pins.standing(scene.two)
    assert (standing.loaded, standing.troubles) == (["here"], {"there": "no network"})
    listed = [(one.version.model, one.pinned) for one in scene.pins.standings()]
    assert listed == [("acme/far", "file"), ("acme/one", "file"), ("acme/two", None)]


async def test_a_trouble_of_before_is_not_told_of_what_is_asked_anew() -> None:
    scene = Scene()
    seat = await scene.come()
    seat.stands([], {scene.two.id: "no network"})
    assert not scene.pins.warm(scene.two).troubles
    seat.stands([], {scene.two.id: "no network"})  # on its way before it was asked
    assert not scene.pins.standing(scene.two).troubles
    seat.stands([], {scene.two.id: "no disk"})
    assert scene.pins.standing(scene.two).troubles == {"w": "no disk"}


def test_a_pin_that_is_no_boolean_is_refused() -> None:
    with pytest.raises(InvalidSetting, match=r"acme/one.*pin"):
        load_catalogue({"acme/one": {"runner": "echo", "pin": "always"}})


def test_a_pin_makes_no_other_version() -> None:
    plain = load_catalogue({"acme/one": {**PINNED["acme/one"], "pin": False}})
    assert latest(plain, "one").id == latest(load_catalogue(PINNED), "one").id
