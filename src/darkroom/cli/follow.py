"""Follow a prediction's stream of server-sent events to its end, across broken connections."""

import time
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from darkroom.cli.client import Api
from darkroom.domain.errors import NoServer

TRIES = 6
PAUSE_SECONDS = 1.0
_NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Sent:
    """One event as it came: `output`, `logs`, `error` or `done`."""

    id: str
    event: str
    data: str


def follow(
    api: Api,
    stream: str,
    *,
    headers: Mapping[str, str] = _NOTHING,
    pause_seconds: float = PAUSE_SECONDS,
) -> Generator[Sent]:
    """Every event from the first to `done`; resumes where the connection broke.

    Args:
        api: of the server.
        stream: what `urls.stream` says.
        headers: to be sent besides.
        pause_seconds: how long to wait before it connects again.

    Raises:
        NoServer: the connection broke again and again without an event between.
        Refused: the server does not know the stream.
    """
    last = ""
    failures = 0
    while True:
        broken = NoServer("the stream ended before the prediction did")
        try:
            for sent in _connection(api, stream, last, headers):
                yield sent
                failures, last = 0, sent.id or last
                if sent.event == "done":
                    return
        except NoServer as error:
            broken = error
        failures += 1
        if failures >= TRIES:
            raise broken
        time.sleep(pause_seconds)


def parse(lines: Iterator[str]) -> Generator[Sent]:
    """Read events off the lines of a `text/event-stream`.

    Source: WHATWG HTML, section "Server-sent events", interpretation of an event stream.
    """
    identity, event, data = "", "message", list[str]()
    for line in lines:
        if not line:
            if data:
                yield Sent(identity, event, "\n".join(data))
            event, data = "message", []
            continue
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        match field:
            case "id":
                identity = value
            case "event":
                event = value
            case "data":
                data.append(value)
            case _:
                pass


def _connection(api: Api, stream: str, last: str, headers: Mapping[str, str]) -> Generator[Sent]:
    resuming = {"Last-Event-ID": last} if last else {}
    asking = {"Accept": "text/event-stream", **headers, **resuming}
    with api.open(stream, asking) as response:
        yield from parse(_lines(response.iter_bytes()))


def _lines(pieces: Iterator[bytes]) -> Generator[str]:
    """Lines that end in LF, as our server writes them; other separators are text."""
    rest = b""
    for piece in pieces:
        *whole, rest = (rest + piece).split(b"\n")
        yield from (line.decode("utf-8", "replace") for line in whole)
