"""An absence of the database is told when it begins and when it is over, however many feel it."""

import pytest
from structlog.testing import capture_logs

from darkroom.compose.outage import Outage
from darkroom.domain.errors import StoreBusy


class Clock:
    now = 0.0

    def wall_ms(self) -> int:
        return 0

    def monotonic(self) -> float:
        return self.now


def refused(outage: Outage, loop: str) -> None:
    with outage.felt_by(loop):
        raise StoreBusy("It is away.")


def answered(outage: Outage, loop: str) -> None:
    with outage.felt_by(loop):
        pass


def test_an_absence_that_several_loops_feel_is_told_twice() -> None:
    clock = Clock()
    outage = Outage(clock)
    with capture_logs() as lines:
        for _ in range(3):
            refused(outage, "keeping")
            refused(outage, "removing")
        clock.now = 90.0
        for _ in range(2):
            answered(outage, "keeping")
        told_by_then = len(lines)
        answered(outage, "removing")

    assert told_by_then == 1
    assert [(line["event"], line.get("seconds")) for line in lines] == [
        ("database.away", None),
        ("database.back", 90.0),
    ]


def test_the_reason_is_that_of_one_loop_and_goes_when_it_gets_through() -> None:
    outage = Outage(Clock())
    refused(outage, "removing")
    before = outage.reason("keeping")
    refused(outage, "keeping")
    meanwhile = outage.reason("keeping")
    answered(outage, "keeping")

    assert (before, meanwhile, outage.reason("keeping")) == (None, "It is away.", None)


def test_whatever_else_goes_wrong_is_not_taken_for_an_absence() -> None:
    outage = Outage(Clock())
    with pytest.raises(ValueError, match="a defect"), outage.felt_by("keeping"):
        raise ValueError("a defect")

    assert outage.reason("keeping") is None
