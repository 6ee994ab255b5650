"""A runner that floods its log and its standard output, from a thread."""

import asyncio
import sys
from collections.abc import Callable

from darkroom.ports.running import RunContext
from darkroom.protocol.messages import VersionSpec

LINES = 2000


class Runner:
    async def setup(self, version: VersionSpec, log: Callable[[str], None]) -> None:
        pass

    async def run(self, context: RunContext) -> None:
        await asyncio.to_thread(self._print, context)

    def _print(self, context: RunContext) -> None:
        context.log("x" * 100_000)
        for number in range(LINES):
            context.log(f"line {number} " + "." * 1000)
            sys.stdout.write("\x00 not a message \xff\n")
        context.output_text("done")

    async def close(self) -> None:
        pass
