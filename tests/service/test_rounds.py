"""What cannot be removed holds nothing else up, and is tried again once a minute."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from structlog.testing import capture_logs
from tests.support.hands import HandClock

from darkroom.domain.errors import FilesUnavailable, StoreBusy
from darkroom.domain.prediction import Milliseconds
from darkroom.ports.files import Aged
from darkroom.service.rounds import AGAIN_SECONDS, Rounds


@dataclass
class Shelf:
    """Things by name, the oldest first; some of them have files that cannot be deleted."""

    waiting: list[str]
    stuck: set[str] = field(default_factory=set[str])
    busy: bool = False
    clock: HandClock = field(default_factory=HandClock)

    def __post_init__(self) -> None:
        self.rounds = Rounds(
            "thing", find=self.find, clear=self.clear, forget=self.forget, clock=self.clock
        )

    async def find(self, most: int, past: Aged[str] | None) -> Sequence[Aged[str]]:
        behind = [one for one in self.waiting if past is None or one > past.id]
        return [Aged(Milliseconds(0), one) for one in behind[:most]]

    async def clear(self, one: str) -> None:
        if one in self.stuck:
            raise FilesUnavailable(f"{one} is stuck")

    async def forget(self, one: str) -> None:
        if self.busy:
            raise StoreBusy("not now")
        self.waiting.remove(one)

    async def batches(self, most: int) -> list[tuple[int, bool]]:
        """All batches until there is nothing more to do at once."""
        done: list[tuple[int, bool]] = []
        while not done or done[-1][1]:
            done.append(await self.rounds.batch(most))
            assert len(done) < 99, "it never rests"
        return done


async def test_many_that_are_stuck_do_not_hold_up_the_others() -> None:
    shelf = Shelf([f"{n:02}" for n in range(12)], stuck={f"{n:02}" for n in range(10)})
    await shelf.batches(5)

    assert shelf.waiting == sorted(shelf.stuck)
    shelf.waiting += ["20", "21"]
    await shelf.batches(5)
    assert shelf.waiting == sorted(shelf.stuck)


async def test_what_was_stuck_is_tried_again_a_minute_later_with_one_warning_a_minute() -> None:
    shelf = Shelf(["a", "b", "c"], stuck={"a", "b"})
    with capture_logs() as logs:
        for _ in range(9):
            await shelf.batches(5)
        assert [(one["event"], one["thing"]) for one in logs] == [("data.kept", "a")]
        shelf.clock.forward(AGAIN_SECONDS)
        for _ in range(9):
            await shelf.batches(5)
    assert len(logs) == 2

    shelf.stuck.clear()
    shelf.clock.forward(AGAIN_SECONDS)
    for _ in range(2):
        await shelf.batches(5)
    assert shelf.waiting == []


async def test_a_round_without_failures_is_followed_by_the_next_at_once() -> None:
    shelf = Shelf(["b"])
    await shelf.batches(5)
    shelf.waiting.append("a")  # older than the last one that was removed
    await shelf.batches(5)

    assert shelf.waiting == []


async def test_full_batches_say_that_there_may_be_more() -> None:
    assert await Shelf(["a", "b", "c"]).batches(2) == [(2, True), (1, False)]


async def test_what_the_database_could_not_forget_is_found_again() -> None:
    shelf = Shelf(["a"], busy=True)
    with pytest.raises(StoreBusy):
        await shelf.rounds.batch(5)
    shelf.busy = False
    await asyncio.wait_for(shelf.batches(5), 5)

    assert shelf.waiting == []
