"""Streams as the vendor's clients take them apart, line by line."""

import re
from collections.abc import AsyncIterator, Sequence
from typing import cast

import pytest
from starlette.requests import Request
from starlette.responses import StreamingResponse
from tests.http.test_stream import blocks, stream_url
from tests.support.hands import failed, succeeded
from tests.support.rig import ORIGIN, Rig

from darkroom.domain.ids import PredictionId
from darkroom.http.answers import Site
from darkroom.http.stream import StreamRoutes
from darkroom.protocol.messages import Ended, Gave, Said

SITE = Site(ORIGIN, "/v1")
NAMES = {"output", "logs", "error", "done"}
WORDS = ['"a "', '"\\n\\n"', '""', '"\\r\\nb"', '{"any": 1}']


@pytest.mark.conformance(68)
@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": ""},
        {"Authorization": "Bearer nobody-knows-this-key", "Accept": "text/event-stream"},
    ],
)
async def test_a_stream_opens_without_a_key_and_in_its_own_type(
    rig: Rig, headers: dict[str, str]
) -> None:
    shown = await rig.create()
    await rig.client.post(f"/v1/predictions/{shown['id']}/cancel")
    answer = await rig.client.get(stream_url(shown), headers=headers)

    assert answer.status_code == 200
    assert answer.headers["content-type"].partition(";")[0] == "text/event-stream"


def raw_events(text: str) -> list[Sequence[str]]:
    """The lines of each event; whole comments are left out."""
    assert text.endswith("\n\n")
    every = [block.split("\n") for block in text.removesuffix("\n\n").split("\n\n")]
    return [lines for lines in every if not all(line.startswith(":") for line in lines)]


@pytest.mark.conformance(69)
@pytest.mark.parametrize("end", [succeeded(), failed("out\r\nof luck")])
async def test_every_event_has_a_known_name_an_id_and_data(rig: Rig, end: Ended) -> None:
    rig.worker.join()
    shown = await rig.create(version="darkroom/echo-text", input={"prompt": "a"})
    words = [Gave(index, None, word) for index, word in enumerate(WORDS)]
    rig.worker.tell(rig.worker.jobs[0], Said("one\n\ntwo\n"), *words, ended=end)
    await rig.settled()
    events = raw_events((await rig.client.get(stream_url(shown))).text)

    assert len(events) >= len(WORDS) + 2
    for name, id_, *data in events:
        assert name.removeprefix("event: ") in NAMES
        assert re.fullmatch(r"id: \d+:\d+", id_)
        assert data
        assert all(line.startswith("data: ") for line in data)
    assert len({id_ for _, id_, *_ in events}) == len(events)


@pytest.mark.parametrize("prefix", ["/v1", "/replicate/v1"])
async def test_streams_of_files_and_of_text_have_different_paths(rig: Rig, prefix: str) -> None:
    paths: dict[str, str] = {}
    for model, input_ in [("echo", {"image": "data:,x"}), ("echo-text", {"prompt": "a"})]:
        address = f"{prefix}/models/darkroom/{model}/predictions"
        shown = (await rig.client.post(address, json={"input": input_})).json()
        paths[model] = shown["urls"]["stream"].removeprefix(ORIGIN)

    assert paths["echo"].startswith("/v1/files/")
    assert paths["echo-text"].startswith("/v1/streams/")


@pytest.mark.conformance(74)
async def test_an_idle_stream_sends_comments_and_no_events(rig: Rig) -> None:
    shown = await rig.create()
    pieces = await opened(rig, stream_url(shown))
    begun = [await anext(pieces) for _ in range(3)]
    await rig.client.post(f"/v1/predictions/{shown['id']}/cancel")
    rest = [piece async for piece in pieces]

    assert [piece[:2] for piece in begun] == [b": "] * 3
    assert [one["event"] for one in blocks(b"".join(rest).decode())] == ["done"]


async def opened(rig: Rig, url: str) -> AsyncIterator[bytes]:
    """What the stream at *url* sends, piece by piece as it is sent; it is idle at once."""
    routes = StreamRoutes(
        predictions=rig.predictions, capabilities=rig.capabilities, idle_seconds=0.0
    )
    request = Request({"type": "http", "headers": [], "darkroom.site": SITE})
    answer = await routes.follow(request, url.rpartition("/")[2])
    assert isinstance(answer, StreamingResponse)
    return cast("AsyncIterator[bytes]", aiter(answer.body_iterator))


@pytest.mark.conformance(74)
async def test_a_stream_that_was_read_to_its_end_closes_at_once(rig: Rig) -> None:
    shown = await rig.create()
    await rig.client.post(f"/v1/predictions/{shown['id']}/cancel")
    (done,) = blocks((await rig.client.get(stream_url(shown))).text)
    again = await rig.client.get(stream_url(shown), headers={"Last-Event-ID": done["id"]})

    assert again.status_code == 200
    assert blocks(again.text) == []


@pytest.mark.conformance(74)
@pytest.mark.parametrize("kind", ["files", "streams"])
async def test_the_stream_of_a_prediction_that_is_gone_is_not_found(rig: Rig, kind: str) -> None:
    token = rig.capabilities.stream(PredictionId("06gzkajyg9tskfgcd93sv538vc"))

    assert (await rig.client.get(f"/v1/{kind}/{token}")).status_code == 404
