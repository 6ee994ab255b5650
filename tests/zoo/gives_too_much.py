"""A runner that gives more than is taken."""

from collections.abc import Callable

from darkroom.ports.running import RunContext
from darkroom.protocol.messages import MAX_FILE_BYTES, MAX_FILES, VersionSpec


class Runner:
    async def setup(self, version: VersionSpec, log: Callable[[str], None]) -> None:
        pass

    async def run(self, context: RunContext) -> None:
        if context.values.get("prompt") == "large":
            context.output_file("large.bin", "application/octet-stream", bytes(MAX_FILE_BYTES + 1))
        for number in range(MAX_FILES + 1):
            context.output_file(f"{number}.txt", "text/plain", b"%d" % number)

    async def close(self) -> None:
        pass
