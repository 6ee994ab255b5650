"""Forms as they arrive: how slowly they may, and that their cuts do not matter."""

import asyncio
from collections.abc import Sequence

import pytest
from starlette.requests import Request
from starlette.types import Message
from tests.http.test_uploads import AS_FILE, BOUNDARY, CONTENT, body

from darkroom.http.multipart import Pace, Part, pieces
from darkroom.http.problems import MalformedRequest

FORM = body(CONTENT, AS_FILE)


def request(chunks: Sequence[bytes], *, then: Message | None = None) -> Request:
    """A request whose body comes in *chunks*; after them *then*, or nothing ever."""
    left = [{"type": "http.request", "body": one, "more_body": True} for one in chunks]

    async def receive() -> Message:
        if left:
            return left.pop(0)
        if then is None:
            await asyncio.Event().wait()
        assert then is not None
        return then

    kind = f"multipart/form-data; boundary={BOUNDARY}".encode()
    return Request({"type": "http", "headers": [(b"content-type", kind)]}, receive)


async def read(asked: Request, pace: Pace) -> list[Part | bytes]:
    """Each part, followed by all its bytes in one."""
    found: list[Part | bytes] = []
    async for piece in pieces(asked, pace, 10_000, "too long"):
        if isinstance(piece, bytes) and found and isinstance(found[-1], bytes):
            found[-1] += piece
        else:
            found.append(piece)
    return found


END: Message = {"type": "http.request", "body": b"", "more_body": False}


async def test_where_a_body_is_cut_into_chunks_makes_no_difference() -> None:
    whole = await read(request([FORM], then=END), Pace())
    for size in (1, 2, 3, 7, 50):
        chunks = [FORM[at : at + size] for at in range(0, len(FORM), size)]
        assert await read(request(chunks, then=END), Pace()) == whole

    assert whole[0] == Part("content", "a.png", "image/png")
    assert whole[2] == Part("metadata", "blob", "application/json")
    assert [whole[1], whole[3]] == [CONTENT[1], AS_FILE[1]]


async def test_a_body_that_stops_coming_is_not_waited_for() -> None:
    pace = Pace(grace_seconds=0.02)
    with pytest.raises(MalformedRequest, match="too long to arrive") as refused:
        await asyncio.wait_for(read(request([FORM[:50]]), pace), 5)
    assert refused.value.status == 408


@pytest.mark.parametrize(
    ("pace", "waited", "received", "left"),
    [
        (Pace(), 0.0, 0, 10.0),
        (Pace(), 12.0, 64 * 1024 * 5, 3.0),
        (Pace(), 12.0, 64 * 1024, -1.0),
        (Pace(), 290.0, 2**40, 10.0),
    ],
)
def test_a_body_earns_time_by_what_has_come(
    pace: Pace, waited: float, received: int, left: float
) -> None:
    assert pace.left(waited, received) == left


async def test_a_client_that_goes_away_is_noticed() -> None:
    with pytest.raises(MalformedRequest, match="cut off"):
        await read(request([FORM[:50]], then={"type": "http.disconnect"}), Pace())


async def test_what_follows_the_end_of_a_form_counts_too() -> None:
    with pytest.raises(MalformedRequest, match="too long") as refused:
        await read(request([FORM, *[bytes(1000)] * 10], then=END), Pace())
    assert refused.value.status == 413
