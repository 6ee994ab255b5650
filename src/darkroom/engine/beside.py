"""The thread beside the denoiser: it encodes orders and decodes rows, one after the other."""

import threading
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager


class Beside:
    """Works off what it is given, in order."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "encode-decode")
        self._changes = 0

    @property
    def changes(self) -> int:
        """How often it has begun or ended a piece of work: an even number while it rests.

        Between two looks that give the same even number it did nothing.
        """
        return self._changes

    def submit(self, work: Callable[[], None]) -> None:
        """Do *work* after what was given before; it must not raise."""
        self._thread.submit(self._do, work)

    @contextmanager
    def resting(self) -> Generator[None]:
        """Let it finish what it was given and then rest: the caller has the device to itself."""
        rests, ends = threading.Event(), threading.Event()

        def rest() -> None:
            rests.set()
            ends.wait()

        self._thread.submit(rest)
        rests.wait()
        try:
            yield
        finally:
            ends.set()

    def close(self) -> None:
        """End the thread once all is done."""
        self._thread.shutdown()

    def _do(self, work: Callable[[], None]) -> None:
        self._changes += 1
        try:
            work()
        finally:
            self._changes += 1
