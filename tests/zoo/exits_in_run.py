"""A runner that ends its process."""

import os
import sys
from collections.abc import Callable

from darkroom.ports.running import RunContext
from darkroom.protocol.messages import VersionSpec


class Runner:
    async def setup(self, version: VersionSpec, log: Callable[[str], None]) -> None:
        pass

    async def run(self, context: RunContext) -> None:
        if context.values.get("prompt") == "politely":
            sys.exit(4)
        os._exit(3)

    async def close(self) -> None:
        pass
