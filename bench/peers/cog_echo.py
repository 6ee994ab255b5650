"""Cog with a null model: a file in, a file out.

The output is a copy: Cog deletes its input while the output is read.
"""

# The peer's packages are in its own environment, not in ours.
# pyright: reportMissingImports=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUntypedBaseClass=false, reportUnknownParameterType=false

import os
import shutil
import tempfile

from cog import BaseRunner, Path


class Runner(BaseRunner):
    async def run(self, prompt: str, image: Path) -> Path:  # noqa: ARG002  # Cog's inputs
        handle, name = tempfile.mkstemp(suffix=".png")
        os.close(handle)
        shutil.copyfile(image, name)
        return Path(name)
