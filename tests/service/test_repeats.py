"""Which earlier submission a request repeats, under a clock that a test moves."""

import asyncio
from dataclasses import dataclass, field

import pytest

from darkroom.domain.errors import StoreBusy
from darkroom.domain.ids import Minter, PredictionId, first_id
from darkroom.ports.requests import Remembered
from darkroom.service.repeats import WINDOW_SECONDS, Repeats, Submission


@dataclass
class Desk:
    """Submits requests; what is made is numbered."""

    seconds: float = 0.0
    count: int = 0
    repeats: Repeats = field(init=False)

    def __post_init__(self) -> None:
        self.repeats = Repeats(lambda: self.seconds)

    async def submit(self, text: str = "a", *, repeated: bool = False) -> tuple[str, Submission]:
        """Submit, and be answered at once."""
        submission = Submission(digest=text, repeated=repeated)
        made = await self.repeats.begin(submission)
        if made is None:
            made = self.make(submission)
        self.repeats.answered(submission)
        return made, submission

    def make(self, submission: Submission) -> PredictionId:
        self.count += 1
        made = PredictionId(f"p{self.count}")
        submission.settle(made)
        return made


async def test_equal_requests_that_were_answered_are_different_ones() -> None:
    desk = Desk()

    assert [(await desk.submit())[0] for _ in range(4)] == ["p1", "p2", "p3", "p4"]


async def test_what_a_lost_answer_has_made_is_adopted_once() -> None:
    desk = Desk()
    first, lost = await desk.submit()
    lost.lose()
    lost.lose()

    assert [(await desk.submit())[0] for _ in range(2)] == [first, "p2"]


async def test_another_request_adopts_nothing() -> None:
    desk = Desk()
    (await desk.submit("a"))[1].lose()

    assert (await desk.submit("b"))[0] == "p2"


async def test_an_adoption_whose_answer_gets_lost_is_adopted_again() -> None:
    desk = Desk()
    made: list[str] = []
    for _ in range(6):
        id_, submission = await desk.submit()
        made.append(id_)
        submission.lose()

    assert made == ["p1"] * 6


async def test_two_orphans_are_adopted_by_two() -> None:
    desk = Desk()
    several = [await desk.submit() for _ in range(2)]
    for _, submission in several:
        submission.lose()

    assert [(await desk.submit())[0] for _ in range(3)] == ["p1", "p2", "p3"]


async def test_a_request_that_says_it_is_a_repeat_adopts_also_what_was_answered() -> None:
    desk = Desk()
    first, _ = await desk.submit()

    assert (await desk.submit(repeated=True))[0] == first
    assert (await desk.submit(repeated=True))[0] == first
    assert (await desk.submit())[0] == "p2"


async def test_what_a_repeat_has_adopted_is_no_orphan_when_the_loss_is_heard_later() -> None:
    desk = Desk()
    _, first = await desk.submit()
    await desk.submit(repeated=True)
    first.lose()

    assert (await desk.submit())[0] == "p2"


async def test_a_repeat_of_what_never_came_makes_its_own() -> None:
    assert (await Desk().submit(repeated=True))[0] == "p1"


@pytest.mark.parametrize(("later", "made"), [(WINDOW_SECONDS - 1, "p1"), (WINDOW_SECONDS, "p2")])
async def test_a_minute_after_its_answer_a_request_is_forgotten(later: float, made: str) -> None:
    for repeated in (False, True):
        desk = Desk()
        _, lost = await desk.submit()
        lost.lose()
        desk.seconds += later

        assert (await desk.submit(repeated=repeated))[0] == made


async def test_the_minute_begins_with_the_answer_not_with_the_request() -> None:
    desk = Desk()
    waiting = Submission(digest="a")
    await desk.repeats.begin(waiting)
    made = desk.make(waiting)
    desk.seconds += 2 * WINDOW_SECONDS
    desk.repeats.answered(waiting)
    waiting.lose()

    assert (await desk.submit())[0] == made


async def test_a_connection_reset_long_after_the_answer_says_nothing() -> None:
    desk = Desk()
    _, answered = await desk.submit()
    desk.seconds += 30
    answered.lose()

    assert (await desk.submit())[0] == "p2"


async def test_a_twin_of_one_that_is_still_being_made_waits_for_it() -> None:
    desk = Desk()
    first, twin = Submission(digest="a"), Submission(digest="a")
    await desk.repeats.begin(first)
    first.lose()
    waiting = asyncio.ensure_future(desk.repeats.begin(twin))
    await asyncio.sleep(0)
    assert not waiting.done()

    assert await waiting_for(waiting, desk.make(first)) == "p1"


async def waiting_for(waiting: "asyncio.Future[PredictionId | None]", made: str) -> str | None:
    done = await waiting
    assert done == made
    return done


async def test_a_loss_that_is_heard_a_moment_after_the_twin_came_still_counts() -> None:
    desk = Desk()
    first = Submission(digest="a")
    await desk.repeats.begin(first)
    made = desk.make(first)
    asyncio.get_running_loop().call_soon(first.lose)

    assert (await desk.submit())[0] == made


async def test_a_twin_meets_what_its_elder_met_and_the_next_one_starts_anew() -> None:
    desk = Desk()
    first, twin = Submission(digest="a"), Submission(digest="a")
    await desk.repeats.begin(first)
    first.lose()
    waiting = asyncio.ensure_future(desk.repeats.begin(twin))
    await asyncio.sleep(0)
    desk.repeats.failed(first, StoreBusy("no room"))
    with pytest.raises(StoreBusy, match="no room"):
        await waiting
    desk.repeats.failed(twin, StoreBusy("no room"))

    assert (await desk.submit())[0] == "p1"


async def test_a_client_that_has_gone_before_its_request_was_noted_is_remembered_as_gone() -> None:
    desk = Desk()
    gone = Submission(digest="a")
    gone.lose()
    await desk.repeats.begin(gone)
    made = desk.make(gone)
    desk.repeats.answered(gone)

    assert (await desk.submit())[0] == made


async def test_what_a_killed_server_has_made_is_adopted_in_order() -> None:
    desk = Desk()
    before = [Remembered(prediction=PredictionId(id_), digest="a") for id_ in ("old1", "old2")]
    desk.repeats.recall(before)
    assert list(desk.repeats.orphans()) == before

    assert [(await desk.submit())[0] for _ in range(3)] == ["old1", "old2", "p1"]
    assert desk.repeats.orphans() == []


async def test_no_more_than_so_many_are_remembered() -> None:
    repeats = Repeats(lambda: 0.0, most=10)
    for number in range(100):
        submission = Submission(digest=str(number))
        await repeats.begin(submission)
        submission.settle(PredictionId(f"p{number}"))
        submission.lose()
        repeats.answered(submission)

    assert len(repeats.orphans()) <= 11


def test_an_id_of_a_moment_lies_below_all_that_were_minted_then() -> None:
    moment = 1_800_000_000_000
    before = Minter(lambda: moment - 1, lambda size: b"\xff" * size).mint()
    then = Minter(lambda: moment, bytes).mint()

    assert before < first_id(moment) <= then
    assert first_id(-5) == "0" * 26
