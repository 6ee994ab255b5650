"""The seams: what one room may expect of another. No vendor, no SQL and no HTTP in here."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from darkroom.domain.events import Event, Report
from darkroom.domain.ids import Owner, PredictionId, VersionId, WorkerId
from darkroom.domain.model import Json, JsonScalar, Version
from darkroom.domain.prediction import (
    InputFile,
    JsonText,
    Milliseconds,
    Outcome,
    Prediction,
    Shape,
    StoredFile,
)
from darkroom.protocol.messages import Bytes, Pixels, VersionSpec

# ── the store ───────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Who runs an attempt: a worker's name and which of its lives this is."""

    worker: WorkerId
    incarnation: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """A new prediction, its input already checked.

    `holder` claims attempt 1 in the same breath. `patient` lets the commit wait a millisecond, for
    a caller who waits for a later change of the same prediction anyway.
    """

    id: PredictionId
    owner: Owner
    model: str
    version: VersionId
    shape: Shape
    input: JsonText
    input_files: Sequence[InputFile] = ()
    webhook: str | None = None
    webhook_events: Sequence[str] = ()
    cancel_after_ms: int | None = None
    holder: Holder | None = None
    patient: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """An attempt that ended without a result, and the sentence its prediction's log will carry."""

    prediction: PredictionId
    attempt: int
    outcome: Outcome
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Which part of a list: newest first, strictly `before` or `after` an id, within times."""

    size: int
    before: PredictionId | None = None
    after: PredictionId | None = None
    created_from: Milliseconds | None = None
    created_until: Milliseconds | None = None


class PredictionStore(Protocol):
    """Durable predictions. Every change is on disk when what its method returns is awaited.

    Changes take effect in the order of the calls, whether awaited or not. A writer that quotes a
    superseded attempt changes nothing and gets None.
    """

    def accept(self, new: Acceptance) -> Awaitable[Prediction]:
        """Add a prediction (T1), claimed (T2) if it names a holder."""
        ...

    def claim(
        self, versions: Sequence[VersionId], holder: Holder, most: int
    ) -> Awaitable[Sequence[Prediction]]:
        """Give *holder* up to *most* of the oldest unclaimed predictions of these versions (T2)."""
        ...

    def report(self, report: Report) -> Awaitable[Prediction | None]:
        """Record what an attempt tells (T3, T4, T5). None: it was superseded or had ended."""
        ...

    def lose(self, lost: Lost) -> Awaitable[Prediction | None]:
        """End an attempt without a result (T6): run again, or fail when attempts are used up."""
        ...

    def cancel(self, prediction: PredictionId, owner: Owner | None) -> Awaitable[Prediction | None]:
        """Cancel (T7); the unchanged prediction if it has ended, None if *owner* has no such."""
        ...

    async def get(self, prediction: PredictionId) -> Prediction | None:
        """One prediction with its log."""
        ...

    async def page(self, owner: Owner, page: Page) -> Sequence[Prediction]:
        """One page of *owner*'s predictions, newest first."""
        ...

    async def events(self, prediction: PredictionId, after: int) -> Sequence[Event]:
        """Events number *after* + 1 and later, in order."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveAttempt:
    """An attempt that has not ended, and who holds it."""

    prediction: PredictionId
    attempt: int
    holder: Holder


class Attempts(Protocol):
    """What the reaper and the files need to know beyond predictions."""

    async def live(self) -> Sequence[LiveAttempt]:
        """All attempts that have not ended."""
        ...

    async def waiting(self) -> Sequence[VersionId]:
        """Versions that unclaimed predictions wait for."""
        ...

    def expire(self, most: int) -> Awaitable[Sequence[Prediction]]:
        """End up to *most* predictions whose deadline has passed (T8)."""
        ...

    async def file(self, prediction: PredictionId, attempt: int, index: int) -> StoredFile | None:
        """A stored output, or with attempt 0 a stored input."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A key as it is kept: never the secret itself. `digest` is the SHA-256 of it in hex."""

    id: str
    owner: Owner
    digest: str
    hint: str  # the first characters, to tell keys apart
    admin: bool
    created_at: Milliseconds
    expires_at: Milliseconds | None
    revoked_at: Milliseconds | None


class KeyStore(Protocol):
    """API keys and the server's own secrets."""

    async def add_key(self, key: ApiKey) -> ApiKey:
        """Keep a new key; its `created_at` is the database's time."""
        ...

    async def keys(self) -> Sequence[ApiKey]:
        """All keys, oldest first."""
        ...

    async def revoke_key(self, key_id: str) -> ApiKey | None:
        """Revoke; None if there is no such key. Revoking twice changes nothing."""
        ...

    async def secret(self, name: str) -> bytes:
        """32 random bytes kept under *name*, made at the first call."""
        ...


# ── files and the outside ───────────────────────────────────────────────────────────────────


class Blobs(Protocol):
    """Bytes by key. A key is written once; a second put of it changes nothing."""

    def put(self, key: str, data: bytes) -> Awaitable[None]:
        """Store *data*; the key shows either nothing or all of it.

        Raises:
            FilesUnavailable: it could not be stored.
        """
        ...

    async def get(self, key: str) -> bytes:
        """All bytes of *key*.

        Raises:
            FileMissing: there are none.
            FilesUnavailable: they could not be read.
        """
        ...

    def stream(self, key: str, *, start: int, end: int) -> AsyncIterator[bytes]:
        """Bytes *start* to *end* (exclusive) in pieces; raises FileMissing as `get` does."""
        ...

    async def delete(self, key: str) -> None:
        """Forget *key*; nothing happens if it is not there."""
        ...


class Fetcher(Protocol):
    """The one door out of the machine."""

    async def fetch(self, url: str, *, limit_bytes: int) -> bytes:
        """GET a file a client named.

        Raises:
            EgressDenied: the address is one we do not speak to.
            InputUnusable: unreachable, too slow, too large, or not answered with 200; one public
                sentence a class of fault, without what the network said.
        """
        ...

    async def download(
        self,
        url: str,
        to: Path,
        *,
        headers: Mapping[str, str],
        progress: Callable[[int, int | None], None],
    ) -> None:
        """GET a large file the operator named into *to*, resuming what is there.

        Args:
            url: http(s); redirects are followed through the same door, without *headers* once
                the host changes.
            to: written in place; the caller renames it when it is whole.
            headers: sent along, such as an Authorization.
            progress: called with bytes so far and bytes in all, if known.

        Raises:
            EgressDenied: as for `fetch`.
            FilesUnavailable: *to* cannot be written.
            WeightsUnavailable: any other failure, with the HTTP status and what to do.
        """
        ...


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


# ── models ──────────────────────────────────────────────────────────────────────────────────


class InputValidator(Protocol):
    """Holds create bodies against the schema of a version, in the words of the wire."""

    def check(self, version: Version, body: Json, *, with_version: bool) -> None:
        """Check a whole create body.

        Args:
            version: what the body wants to run.
            body: as it was decoded, of any JSON type.
            with_version: whether the body names the version; otherwise it must not.

        Raises:
            InvalidInput: with every fault at once, those beside `input` first.
        """
        ...

    def check_envelope(self, body: Json) -> None:
        """Check a body whose version is not known; `input` is looked at from outside only.

        Raises:
            InvalidInput: with every fault at once; always where `version` is no string.
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
    of the runner's own. A constructor takes nothing.
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


class Placer(Protocol):
    """Keeps workers alive somewhere."""

    async def reconcile(self, want: int) -> None:
        """Start or restart workers until *want* run; one that does not start is tried again."""
        ...

    async def stop(self, grace_seconds: float) -> None:
        """Let every worker drain for that long, then end what is left."""
        ...


class Clock(Protocol):
    """Time, passed in so that tests own it."""

    def wall_ms(self) -> int:
        """Unix time in milliseconds, for names and display."""
        ...

    def monotonic(self) -> float:
        """Seconds that never jump, for waiting."""
        ...
