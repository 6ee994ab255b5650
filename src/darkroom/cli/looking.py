"""Previews of a running prediction on the terminal, read beside its stream in another thread.

They are an extra: whatever is wrong with them is not told, and the run goes on without.
"""

import os
import sys
from base64 import b64decode
from contextlib import suppress
from threading import Thread
from urllib.parse import quote

import msgspec

from darkroom.cli.blocks import Picture, shows_colours
from darkroom.cli.client import Api
from darkroom.cli.follow import follow
from darkroom.cli.progress import Progress
from darkroom.domain.errors import DarkroomError

_SHOWN = "preview"


class _Preview(msgspec.Struct, frozen=True):
    width: int
    height: int
    rgb: str


def can_show() -> bool:
    """Whether there is somebody to look, on a terminal with colours enough."""
    return sys.stderr.isatty() and shows_colours(os.environ)


def show_previews(api: Api, prediction: str, progress: Progress) -> None:
    """Draw the previews of *prediction* on *progress* from now on, until that is closed."""
    # One that waits for a picture when the command ends is left to the end of the process.
    Thread(target=_look, args=(api, prediction, progress), daemon=True).start()


def _look(api: Api, prediction: str, progress: Progress) -> None:
    link = api.administration(f"/predictions/{quote(prediction, safe='')}/previews")
    with suppress(DarkroomError), api.again() as own:
        for sent in follow(own, link, headers=own.credentials(link)):
            picture = _read(sent.data) if sent.event == _SHOWN else None
            if picture is not None:
                progress.show(picture)


def _read(data: str) -> Picture | None:
    """The picture of an event; None if it makes no sense."""
    try:
        told = msgspec.json.decode(data, type=_Preview)
        rgb = b64decode(told.rgb, validate=True)
    except ValueError:
        return None
    if min(told.width, told.height) < 1 or len(rgb) != 3 * told.width * told.height:
        return None
    return Picture(width=told.width, height=told.height, rgb=rgb)
