"""What a worker and its hosts ask for: pixels, weights, a runner and what it sees of a run."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
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
    """Makes the weights of a version lie on this machine."""

    async def provide(self, version: VersionSpec, log: Callable[[str], None]) -> VersionSpec:
        """Return *version* with every address in its configuration replaced by a local path.

        These are `weights`, `base`, each `weights` within `loras`, `safety_checker` and
        `nsfw_classifier`. `tiny` stands for random weights, made in what `tiny_folder` names; then
        `base` and `loras` are gone.

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

    @property
    def watched(self) -> bool:
        """Whether somebody looks on, and `preview` reaches anybody."""
        ...

    def log(self, text: str) -> None:
        """Add a line (the newline is added if missing)."""
        ...

    def preview(self, width: int, height: int, rgb: bytes) -> None:
        """Show what it is going to be: raw RGB, 8 bits a channel, rows from the top; not kept.

        What comes within 0.4 s of the one before is dropped.

        Raises:
            RunFailed: a side is longer than `MAX_PREVIEW_SIDE`, or the bytes do not fill it.
        """
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


@dataclass(frozen=True, slots=True)
class Footprint:
    """Bytes of a device: what a loaded version takes, and how many there are for all of them."""

    weights_bytes: int
    budget_bytes: int


class Runner(Protocol):
    """One kind of model, made ready for one version; lives in the host process.

    Its coroutines share the host's event loop: whatever blocks or computes belongs in a thread
    of the runner's own. A host whose loop stands still for `host_silence_seconds` is killed. A
    constructor takes nothing.
    """

    async def setup(self, version: VersionSpec, log: Callable[[str], None]) -> Footprint | None:
        """Load; returns what that takes of a device, if it takes any.

        What it raises, best a WeightsUnavailable, is told to whoever waits for it.
        """
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


class RunnerKind(Protocol):
    """What the runners of one kind share in a host, such as a device; lives as long as the host.

    An entry point names a class of runners, or a class of these. A constructor takes nothing.
    """

    def runner(self) -> Runner:
        """A runner for one version."""
        ...
