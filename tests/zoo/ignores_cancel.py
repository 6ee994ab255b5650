"""A runner that does not look whether it has been told to stop."""

import asyncio
from collections.abc import Callable

from darkroom.ports.running import RunContext
from darkroom.protocol.messages import VersionSpec


class Runner:
    async def setup(
        self,
        version: VersionSpec,  # noqa: ARG002  # the port's signature
        log: Callable[[str], None],
    ) -> None:
        log("ready to ignore")

    async def run(self, context: RunContext) -> None:
        if context.values.get("prompt") != "behave":
            await asyncio.Event().wait()
        await context.pause(3600)

    async def close(self) -> None:
        pass
