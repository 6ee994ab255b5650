"""What a model tells of its run is made fit to be sent, or refused in words."""

import msgspec
import numpy as np
import pytest
from tests.support.contexts import make_context

from darkroom.domain.errors import RunFailed
from darkroom.protocol.messages import FromHost, Logged, Preview


class Tensor:
    """Has every method of a number, as torch's tensors do, and is no whole number."""

    def __index__(self) -> int:
        raise TypeError("only integer tensors of a single element can be converted to an index")

    def __float__(self) -> float:
        return 0.25


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (3, "3"),
        (0.5, "0.5"),
        (True, "1"),
        (np.float32(0.5), "0.5"),
        (np.int64(7), "7"),
        (np.array([2.5])[0], "2.5"),
        (Tensor(), "0.25"),
        (2**60, "1.152921504606847e18"),
    ],
)
async def test_whatever_counts_as_a_number_becomes_a_plain_one(value: float, told: str) -> None:
    context = make_context([])
    context.metric("n", value)
    assert context.metrics == f'{{"n":{told}}}'


@pytest.mark.parametrize("value", [float("nan"), float("inf"), np.float64("-inf"), 10**400])
async def test_what_is_not_finite_is_dropped(value: float) -> None:
    context = make_context([])
    context.metric("kept", 1)
    context.metric("n", value)
    assert context.metrics == '{"kept":1}'


@pytest.mark.parametrize("value", ["3", None, b"three", [3], 3j, object()])
async def test_what_is_no_number_fails_the_run_in_words(value: float) -> None:
    context = make_context([])
    with pytest.raises(RunFailed, match=r"the metric 'n' to a .*; it must be a number"):
        context.metric("n", value)
    assert context.metrics == "{}"


async def test_a_metric_whose_name_cannot_be_sent_is_refused() -> None:
    with pytest.raises(RunFailed, match="it must be a number"):
        make_context([]).metric("half \ud800", 1)


async def test_half_a_character_in_a_log_does_not_keep_the_rest_from_being_sent() -> None:
    sent: list[FromHost] = []
    make_context(sent).log("half \ud800 and é")
    assert sent == [Logged("p1", 1, "half ? and é\n")]
    assert msgspec.msgpack.encode(sent)


async def test_a_file_whose_name_cannot_be_sent_is_refused() -> None:
    with pytest.raises(RunFailed, match="name or type is no text"):
        make_context([]).output_file("\ud800.png", "image/png", b"")


async def test_a_preview_is_sent_as_it_is_and_those_that_come_at_once_are_not() -> None:
    sent: list[FromHost] = []
    context = make_context(sent)
    for _ in range(100):
        context.preview(96, 1, bytes(288))
    (preview,) = sent
    assert isinstance(preview, Preview)
    assert (preview.width, preview.height, preview.data) == (96, 1, bytes(288))


@pytest.mark.parametrize(
    ("width", "height", "size", "told"),
    [
        (97, 1, 291, "a preview of 97 x 1 pixels"),
        (0, 4, 0, "a preview of 0 x 4 pixels"),
        (4, -1, 12, "a preview of 4 x -1 pixels"),
        (2, 2, 16, "a preview whose bytes do not fill it"),
    ],
)
async def test_a_preview_of_another_size_fails_the_run_in_words(
    width: int, height: int, size: int, told: str
) -> None:
    sent: list[FromHost] = []
    with pytest.raises(RunFailed, match=told):
        make_context(sent).preview(width, height, bytes(size))
    assert sent == []
