"""The signals that end a process: the first in good order, a later one there and then."""

import asyncio
import math
import os
import signal
from collections.abc import Callable

_INTERRUPTED = 130
_SAME_SIGNAL_SECONDS = 1.0


def heed_signals(first: Callable[[], None]) -> None:
    """Call *first* at the first SIGTERM or SIGINT; a later one ends this process.

    Nothing is lost by that: what was accepted is on disk, and children die with their parent. A
    supervisor may signal the whole tree and its own child besides: two at once count as one.
    """
    loop = asyncio.get_running_loop()
    impatient_at = math.inf

    def asked() -> None:
        nonlocal impatient_at
        if loop.time() > impatient_at:
            os._exit(_INTERRUPTED)
        if impatient_at == math.inf:
            impatient_at = loop.time() + _SAME_SIGNAL_SECONDS
            first()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked)
