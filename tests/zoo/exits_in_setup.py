"""A runner that ends its process while it is set up."""

import os
from collections.abc import Callable

from darkroom.ports.running import RunContext
from darkroom.protocol.messages import VersionSpec


class Runner:
    async def setup(
        self,
        version: VersionSpec,  # noqa: ARG002  # the port's signature
        log: Callable[[str], None],  # noqa: ARG002
    ) -> None:
        os._exit(5)

    async def run(self, context: RunContext) -> None:
        raise NotImplementedError

    async def close(self) -> None:
        pass
