"""What a worker tells of its runs, which may come from a machine that nobody can answer for."""

import math

import msgspec
import pytest

from darkroom.domain.errors import PeerMisbehaved
from darkroom.protocol.messages import Ended, FileFact, Gave, Told
from darkroom.service.reports import understood

FACT = FileFact(
    key="predictions/p1/1/0",
    name="out-0.png",
    content_type="image/png",
    size_bytes=3,
    sha256=64 * "0",
)


def told(*events: Gave, ended: Ended | None = None) -> Told:
    return Told("p1", 1, True, list(events), ended)  # noqa: FBT003  # a message's field


def test_a_file_of_its_own_is_understood() -> None:
    assert understood(told(Gave(0, FACT)))


@pytest.mark.parametrize(
    "changes",
    [
        {"sha256": "0\r\nSet-Cookie: a=b"},
        {"sha256": "€" * 64},
        {"sha256": "\0" * 64},
        {"sha256": ""},
        {"name": "out\r\n"},
        {"name": "../out.png"},
        {"name": ".."},
        {"name": ""},
        {"content_type": "image/png\r\nX: y"},
        {"content_type": "\0"},
        {"key": "predictions/p1/2/0"},
        {"key": "predictions/p2/1/0"},
        {"key": "predictions/p1/1/../1/0"},
    ],
    ids=str,
)
def test_a_file_that_no_header_could_tell_of_is_refused(changes: dict[str, str]) -> None:
    with pytest.raises(PeerMisbehaved):
        understood(told(Gave(0, msgspec.structs.replace(FACT, **changes))))


@pytest.mark.parametrize(
    "value", ["not json", '"open', '{"a": NaN}', "1 2", '"\0"', 2000 * "["], ids=lambda one: one[:9]
)
def test_a_value_that_would_break_an_answer_is_refused(value: str) -> None:
    with pytest.raises(PeerMisbehaved):
        understood(told(Gave(0, value=value)))


@pytest.mark.parametrize("index", [-1, 2**31, 2**64 - 1])
def test_an_output_of_a_number_that_no_run_gives_is_refused(index: int) -> None:
    with pytest.raises(PeerMisbehaved):
        understood(told(Gave(index, value="1")))


@pytest.mark.parametrize("seconds", [math.nan, math.inf, -1.0])
def test_a_run_that_took_no_time_there_is_is_refused(seconds: float) -> None:
    with pytest.raises(PeerMisbehaved):
        understood(told(ended=Ended("succeeded", None, "{}", seconds)))
