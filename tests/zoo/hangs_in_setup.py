"""A runner that is never ready."""

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
        log("setting up for ever")
        await asyncio.Event().wait()

    async def run(self, context: RunContext) -> None:
        raise NotImplementedError

    async def close(self) -> None:
        pass
