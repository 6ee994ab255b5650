"""A runner that never gives the host's loop back."""

import threading
from collections.abc import Callable

from darkroom.ports.running import RunContext
from darkroom.protocol.messages import VersionSpec


class Runner:
    async def setup(self, version: VersionSpec, log: Callable[[str], None]) -> None:
        pass

    async def run(self, context: RunContext) -> None:
        await context.pause(0.001)  # lets the host say that the run has been entered
        threading.Event().wait()

    async def close(self) -> None:
        pass
