"""A runner whose model raises, in its own words or in ours."""

from collections.abc import Callable

from darkroom.domain.errors import RunFailed
from darkroom.ports.running import RunContext
from darkroom.protocol.messages import VersionSpec


class Runner:
    async def setup(self, version: VersionSpec, log: Callable[[str], None]) -> None:
        pass

    async def run(self, context: RunContext) -> None:
        match context.values.get("prompt"):
            case "own":
                raise RunFailed("the prompt is too strange")
            case "silent":
                raise AssertionError
            case _:
                raise ValueError("tensors disagree")

    async def close(self) -> None:
        pass
