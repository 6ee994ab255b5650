"""A runner that shows a preview every few milliseconds while somebody looks, and ends when told.

The input `ms` is how long it runs; its shade goes from black to white and tells how many came.
"""

import asyncio
from collections.abc import Callable

from darkroom.ports.running import RunContext
from darkroom.protocol.messages import VersionSpec

WIDTH, HEIGHT = 24, 16


class Runner:
    async def setup(self, version: VersionSpec, log: Callable[[str], None]) -> None:
        pass

    async def run(self, context: RunContext) -> None:
        ms = context.values.get("ms")
        ends_at = asyncio.get_running_loop().time() + (ms if isinstance(ms, int) else 0) / 1000
        context.log(" 50%|#####     | 1/2 [00:00<00:00, 1.0it/s]")
        shown = 0
        while asyncio.get_running_loop().time() < ends_at:
            if context.watched:
                shown = min(shown + 1, 255)
                context.preview(WIDTH, HEIGHT, bytes([255, shown, 0]) * WIDTH * HEIGHT)
            await context.pause(0.02)
        context.output_text(str(shown))

    async def close(self) -> None:
        pass
