"""A lack of memory, told by its own name whoever noticed it."""

import traceback
from collections.abc import Generator
from contextlib import contextmanager

import torch

from darkroom.engine.interface import NoRoom

_WORDS = ("can't allocate memory", "ALLOC_FAILED")
"""How the CPU's allocator puts it, and CUDA's libraries; neither has a class for it."""


@contextmanager
def shortage() -> Generator[None]:
    """Raise `NoRoom` for whatever means that; the device gets back what was computed so far."""
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError) as error:
        raise _no_room(error) from error
    except RuntimeError as error:
        if not any(words in str(error) for words in _WORDS):
            raise
        raise _no_room(error) from error


def _no_room(error: Exception) -> NoRoom:
    traceback.clear_frames(error.__traceback__)  # they hold it
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return NoRoom(str(error))
