"""Bytes by key, files that clients upload, and the one door out of the machine."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, NamedTuple, NewType, Protocol, TypeVar

from darkroom.domain.ids import Owner, PredictionId
from darkroom.domain.prediction import JsonText, Milliseconds

UploadId = NewType("UploadId", str)
Id = TypeVar("Id", bound=str)


class Aged(NamedTuple, Generic[Id]):
    """What is to be removed, and since when its time counts; a look for more begins behind it."""

    at: Milliseconds
    id: Id


@dataclass(frozen=True, slots=True, kw_only=True)
class Digests:
    """What a blob written piece by piece has come to; digests in hex."""

    size_bytes: int
    sha256: str
    md5: str


class BlobWriter(Protocol):
    """A blob on its way in; its key shows nothing before `finish`."""

    async def add(self, piece: bytes) -> None:
        """Append *piece*; what is written is not kept in memory.

        Raises:
            FilesUnavailable: it could not be stored.
        """
        ...

    async def finish(self) -> Digests:
        """Let the key show all of it.

        Raises:
            FilesUnavailable: it could not be stored.
        """
        ...

    async def abandon(self) -> None:
        """Forget what was added; nothing happens after `finish`."""
        ...


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
        """Forget *key*; nothing happens if it is not there.

        Raises:
            FilesUnavailable: it could not be removed.
        """
        ...

    def writer(self, key: str) -> BlobWriter:
        """Write *key* piece by piece."""
        ...

    async def delete_under(self, prefix: str) -> None:
        """Forget every key that begins with *prefix* and a slash, and what half-written is left.

        Args:
            prefix: two parts of a key, such as `predictions/<id>`.

        Raises:
            FilesUnavailable: one of them could not be removed.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file that a client gave on its own; from `expires_at` on it is not there any more."""

    id: UploadId
    owner: Owner
    name: str
    content_type: str  # what the client said; nobody looked
    size_bytes: int
    sha256: str
    md5: str
    metadata: JsonText
    created_at: Milliseconds
    expires_at: Milliseconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """What is known of an upload once all its bytes have arrived."""

    name: str
    content_type: str
    metadata: JsonText
    digests: Digests


class UploadStore(Protocol):
    """Uploads as rows. Every change is on disk when it has been awaited."""

    def begin(self, upload: UploadId, owner: Owner) -> Awaitable[object]:
        """Announce bytes that are about to arrive; forgotten soon if `finish` does not come."""
        ...

    async def finish(self, upload: UploadId, described: Described, keep_ms: int) -> Upload | None:
        """All bytes are stored; None if the upload has been given up meanwhile."""
        ...

    async def get(self, upload: UploadId) -> Upload | None:
        """One upload that is whole and has not expired."""
        ...

    async def page(
        self, owner: Owner, size: int, before: UploadId | None, after: UploadId | None
    ) -> Sequence[Upload]:
        """Some of *owner*'s uploads, newest first, strictly `before` or `after` one of them."""
        ...

    async def expire(self, upload: UploadId, owner: Owner) -> bool:
        """Let an upload end now; False if *owner* has no such."""
        ...

    async def expired(
        self, most: int, past: Aged[UploadId] | None = None
    ) -> Sequence[Aged[UploadId]]:
        """Up to *most* uploads that have expired or never arrived, oldest first, behind *past*."""
        ...

    def remove(self, upload: UploadId) -> Awaitable[object]:
        """Forget an expired upload, after its bytes."""
        ...


class Removals(Protocol):
    """What is removed of predictions after a time."""

    async def removable(
        self, keep_ms: int, most: int, past: Aged[PredictionId] | None = None
    ) -> Sequence[Aged[PredictionId]]:
        """Up to *most* predictions that ended more than *keep_ms* ago and still have data.

        The oldest end comes first; only those behind *past* are looked at.
        """
        ...

    def remove(self, prediction: PredictionId) -> Awaitable[bool]:
        """Remove input, outputs and log (T9), after the files; False if nothing may be removed."""
        ...

    def forget_keys(self, keep_ms: int) -> Awaitable[object]:
        """Forget idempotency keys older than *keep_ms*."""
        ...

    def scrub(self) -> Awaitable[object]:
        """Leave no bytes of what was removed in the database's own files."""
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
