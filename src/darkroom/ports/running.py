"""What a worker and its hosts ask for: pixels, weights, a runner and what it sees of a run."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from darkroom.domain.model import JsonScalar
from darkroom.protocol.messages import Bytes, Pixels, VersionSpec


class PictureDecoder(Protocol):
    """Turns hostile bytes into pixels, elsewhere than in this process."""

    async def decode(self, data: bytes, to: Path) -> Pixels:
        """Decode a JPEG, PNG, GIF (first frame) or WebP.

        The picture is turned upright by its EXIF orientation, put on white where it is
        transparent, converted to sRGB, and written to *to* as raw RGB rows.

        Raises:
            InputUnusable: not such a picture, truncated, or above the limits; a sentence for users.
        """
        ...


class WeightsSource(Protocol):
    """Makes the weights of a version lie in a local folder."""

    async def provide(self, version: VersionSpec, log: Callable[[str], None]) -> VersionSpec:
        """Return *version* with `config["weights"]` replaced by a folder, or by `tiny`.

        Args:
            version: as the server described it.
            log: takes lines for the log of the prediction that waits, progress among them.

        Raises:
            WeightsUnavailable: a sentence that says what to do.
        """
        ...


class RunContext(Protocol):
    """What a runner sees of one run. Every method may be called from any thread."""

    @property
    def values(self) -> Mapping[str, JsonScalar]:
        """Inputs that are not files, defaults filled in; absent without value and default."""
        ...

    @property
    def files(self) -> Mapping[str, Bytes | Pixels]:
        """File inputs: pixels if the version asks for them, else bytes."""
        ...

    @property
    def canceled(self) -> bool:
        """Whether the run has been told to stop; look between steps, then raise RunCanceled."""
        ...

    def log(self, text: str) -> None:
        """Add a line (the newline is added if missing)."""
        ...

    def output_file(self, name: str, content_type: str, data: bytes) -> None:
        """Publish the next output as a file."""
        ...

    def output_text(self, text: str) -> None:
        """Publish the next output as a string."""
        ...

    def metric(self, name: str, value: float) -> None:
        """Set a number shown under the prediction's `metrics`."""
        ...

    async def pause(self, seconds: float) -> None:
        """Sleep, on the host's own loop only.

        Raises:
            RunCanceled: as soon as the run is told to stop.
        """
        ...


class Runner(Protocol):
    """One kind of model, made ready for one version; lives in the host process.

    Its coroutines share the host's event loop: whatever blocks or computes belongs in a thread
    of the runner's own. A host whose loop stands still for `host_silence_seconds` is killed. A
    constructor takes nothing.
    """

    async def setup(self, version: VersionSpec, log: Callable[[str], None]) -> None:
        """Load. What it raises, best a WeightsUnavailable, is told to whoever waits for it."""
        ...

    async def run(self, context: RunContext) -> None:
        """Run once.

        Raises:
            RunFailed: in words for the user; any other exception is told by type and text.
            RunCanceled: it noticed `context.canceled`.
        """
        ...

    async def close(self) -> None:
        """Give everything back; called after a setup that failed, too."""
        ...
