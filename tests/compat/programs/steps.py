"""Takes a client program's steps one after another and prints one line of JSON for each.

The programs beside it run in environments of their own and import nothing but this and a client.
"""

import json
import sys
import traceback
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

TEXT = "darkroom/echo-text"
FILE = "darkroom/echo"
PROMPT = "one two\n\nthree"
LONG_MS = 60_000
TERMINAL = {"succeeded", "failed", "canceled"}
UNREACHABLE = "http://127.0.0.1:9/x.png"
Facts: TypeAlias = dict[str, object]


@dataclass(frozen=True)
class Place:
    """Where the server, the receiver of webhooks and the faulty proxy are, without `/v1`."""

    url: str
    key: str
    receiver: str
    proxy: str
    picture: Path

    @property
    def data(self) -> bytes:
        """The bytes of the picture."""
        return self.picture.read_bytes()

    @property
    def data_url(self) -> str:
        return f"data:image/png;base64,{b64encode(self.data).decode()}"


def told_by(step: Callable[[Place], Facts], place: Place) -> Facts:
    """The facts of *step*, or what it raised."""
    try:
        return step(place)
    except Exception:  # noqa: BLE001  # the other steps still have something to tell
        return {"raised": traceback.format_exc()}


def tell(*steps: Callable[[Place], Facts]) -> None:
    """Take *steps* in order, at the place that the program's arguments name."""
    url, key, receiver, proxy, picture = sys.argv[1:]
    place = Place(url, key, receiver, proxy, Path(picture))
    for step in steps:
        facts = told_by(step, place)
        sys.stdout.write(json.dumps({"step": step.__name__, **facts}) + "\n")
        sys.stdout.flush()
