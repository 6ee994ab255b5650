"""A runner that takes as much memory as its configuration says, of a budget that it names too."""

import asyncio
import os
import signal
from collections.abc import Callable

from darkroom.ports.running import Footprint, RunContext
from darkroom.protocol.messages import VersionSpec

LOADED: list[str] = []


class Runner:
    def __init__(self) -> None:
        self._version = ""

    async def setup(
        self,
        version: VersionSpec,
        log: Callable[[str], None],  # noqa: ARG002  # the port's signature
    ) -> Footprint:
        beside = version.config.get("beside")
        if LOADED and beside == "dies":
            os.kill(os.getpid(), signal.SIGKILL)
        if LOADED and beside == "hangs":
            await asyncio.Event().wait()
        if LOADED and beside:
            raise RuntimeError(beside)
        self._version = version.id
        LOADED.append(self._version)
        config = version.config
        return Footprint(int(config.get("bytes", 0)), int(config.get("budget", 0)))

    async def run(self, context: RunContext) -> None:
        if context.values.get("prompt") == "exit":
            os._exit(3)
        await context.pause(float(str(context.values.get("ms") or 0)) / 1000)
        context.output_text(" ".join(LOADED))

    async def close(self) -> None:
        if self._version in LOADED:
            LOADED.remove(self._version)
