"""A runner that cannot be set up."""

from collections.abc import Callable

from darkroom.domain.errors import WeightsUnavailable
from darkroom.ports.running import RunContext
from darkroom.protocol.messages import VersionSpec


class Runner:
    async def setup(self, version: VersionSpec, log: Callable[[str], None]) -> None:
        log("looking for the weights")
        if "friendly" in version.config:
            raise WeightsUnavailable("the folder is empty; put weights into it")
        raise KeyError("unet")

    async def run(self, context: RunContext) -> None:
        raise NotImplementedError

    async def close(self) -> None:
        pass
