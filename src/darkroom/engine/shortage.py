"""A lack of memory, told by its own name whoever noticed it."""

import traceback
from collections.abc import Generator
from contextlib import contextmanager

import torch

from darkroom.engine.device import lacks_memory
from darkroom.engine.interface import NoRoom


@contextmanager
def shortage(part: str = "") -> Generator[None]:
    """Raise `NoRoom` for whatever means that; the device gets back what was computed so far.

    Args:
        part: as for `NoRoom`.
    """
    try:
        yield
    except Exception as error:
        if not lacks_memory(error):
            raise
        raise _no_room(error, part) from error


def _no_room(error: Exception, part: str) -> NoRoom:
    traceback.clear_frames(error.__traceback__)  # they hold it
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return NoRoom(str(error), part=part)
