"""A runner that tells what it was given."""

import json
import os
from collections.abc import Callable
from pathlib import Path

from darkroom.ports.running import RunContext
from darkroom.protocol.messages import Bytes, VersionSpec


class Runner:
    def __init__(self) -> None:
        self._weights = ""

    async def setup(
        self,
        version: VersionSpec,
        log: Callable[[str], None],  # noqa: ARG002  # the port's signature
    ) -> None:
        self._weights = version.config.get("weights", "")

    async def run(self, context: RunContext) -> None:
        files = {
            name: [file.content_type, len(file.data)]
            if isinstance(file, Bytes)
            else [file.width, _read(file.path)]
            for name, file in context.files.items()
        }
        shown = {
            "values": context.values,
            "files": files,
            "weights": self._weights,
            "environment": sorted(os.environ),
            "process": os.getpid(),
        }
        context.output_text(json.dumps(shown))

    async def close(self) -> None:
        pass


def _read(path: str) -> str:
    return Path(path).read_bytes().decode("latin-1")
