"""The smallest runners: documentation, tests, smoke checks and benchmarks in one."""

import json
import re
from collections.abc import Callable, Mapping

from darkroom.domain.errors import RunFailed
from darkroom.ports.running import RunContext
from darkroom.protocol.messages import Bytes, VersionSpec

_EXTENSIONS: Mapping[str, str] = {
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/gif": "gif",
    "image/webp": "webp",
}
LONGEST_PREFIX = 1000
_PREFIX = "prefix"  # key of a trained version's configuration


async def _pretend(context: RunContext) -> None:
    milliseconds = context.values.get("ms")
    if isinstance(milliseconds, int | float) and milliseconds > 0:
        await context.pause(milliseconds / 1000)


class EchoRunner:
    """Gives the input picture back, byte for byte, after `ms` of pretended work."""

    async def setup(self, version: VersionSpec, log: Callable[[str], None]) -> None:
        """Nothing to load."""

    async def run(self, context: RunContext) -> None:
        """Publish `image` as one file.

        Raises:
            RunFailed: there is no picture, or it is none of the four types we know.
        """
        await _pretend(context)
        image = context.files.get("image")
        if not isinstance(image, Bytes):
            raise RunFailed("darkroom/echo needs a picture in the input `image`")
        extension = _EXTENSIONS.get(image.content_type)
        if extension is None:
            raise RunFailed("input image: this is not a JPEG, PNG, GIF or WebP picture")
        context.output_file(f"output.{extension}", image.content_type, image.data)
        context.metric("image_count", 1)

    async def close(self) -> None:
        """Nothing to give back."""


class EchoTextRunner:
    """Streams the prompt word by word, `ms` apart; a trained version says its prefix first."""

    def __init__(self) -> None:
        self._first = ""

    async def setup(self, version: VersionSpec, log: Callable[[str], None]) -> None:  # noqa: ARG002  # the port's signature
        """Take the prefix that a training has left, if one has."""
        prefix = version.config.get(_PREFIX)
        self._first = f"{prefix} " if prefix else ""

    async def run(self, context: RunContext) -> None:
        """Publish each word with the white space before it; joined they are prefix and prompt."""
        prompt = context.values.get("prompt")
        for word in split(self._first + prompt) if isinstance(prompt, str) else ():
            await _pretend(context)
            context.output_text(word)

    async def close(self) -> None:
        """Nothing to give back."""


class EchoTextTrainer:
    """Makes versions of an echo that say `prefix` first. Nothing is learned."""

    async def setup(self, version: VersionSpec, log: Callable[[str], None]) -> None:
        """Nothing to load."""

    async def run(self, context: RunContext) -> None:
        """Publish the weights, a small JSON file, then the configuration of the new version.

        Raises:
            RunFailed: the prefix is empty or too long.
        """
        prefix = context.values.get(_PREFIX)
        if not isinstance(prefix, str) or not prefix.strip():
            raise RunFailed("input prefix: there is no text to learn")
        if len(prefix) > LONGEST_PREFIX:
            raise RunFailed(f"input prefix: longer than {LONGEST_PREFIX} characters")
        context.log("Nothing is learned here: the new version keeps the prefix.")
        await _pretend(context)
        learned = json.dumps({_PREFIX: prefix})
        context.output_file("weights.json", "application/json", learned.encode())
        context.output_text(learned)
        context.metric("characters", len(prefix))

    async def close(self) -> None:
        """Nothing to give back."""


def split(text: str) -> list[str]:
    """Cut *text* into words, each with the white space before it; nothing is lost."""
    words = re.findall(r"\s*\S+", text)
    rest = text[sum(map(len, words)) :]
    return [*words, rest] if rest else words
