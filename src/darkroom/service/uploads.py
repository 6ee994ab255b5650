"""Files that clients upload: taken in piece by piece, described, listed, signed for, forgotten."""

import base64
import binascii
import hmac
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import sha256

from darkroom.domain.errors import FilesUnavailable
from darkroom.domain.ids import Owner, PredictionId, is_prediction_id
from darkroom.domain.prediction import JsonText
from darkroom.ports.files import Blobs, BlobWriter, Described, Upload, UploadId, UploadStore
from darkroom.ports.serving import Clock
from darkroom.service.limits import Room
from darkroom.service.rounds import Rounds

PIECE_BYTES = 256 * 1024


def upload_prefix(upload: UploadId) -> str:
    """Under which keys everything of an upload lies."""
    return f"uploads/{upload}"


def upload_key(upload: UploadId) -> str:
    """Where the bytes of an upload are."""
    return f"{upload_prefix(upload)}/0"


@dataclass(frozen=True, slots=True)
class Signature:
    """What a signed address says beside the upload's id: not yet believed."""

    owner: str
    expiry: str  # Unix seconds
    mac: str  # base64


class Uploads:
    """What owners can do with files of their own.

    Args:
        store: their rows.
        blobs: their bytes.
        secret: 32 bytes kept under a name.
        clock: its wall time decides when a signature has expired.
        ids: mints ids that sort by creation.
        keep_ms: how long an upload is kept.
        room: on the disk; without it nothing is taken in.
    """

    def __init__(
        self,
        *,
        store: UploadStore,
        blobs: Blobs,
        secret: Callable[[str], Awaitable[bytes]],
        clock: Clock,
        ids: Callable[[], PredictionId],
        keep_ms: int,
        room: Room,
    ) -> None:
        self._room = room
        self._store = store
        self._blobs = blobs
        self._secret = secret
        self._clock = clock
        self._ids = ids
        self._keep_ms = keep_ms
        self._signing_keys: dict[Owner, bytes] = {}
        self._expired = Rounds(
            "upload",
            find=store.expired,
            clear=self._clear,
            forget=store.remove,
            clock=clock,
        )

    @asynccontextmanager
    async def arriving(self, owner: Owner) -> AsyncGenerator["ArrivingUpload"]:
        """Take the bytes of a new upload, which is there once `keep` has been called.

        Leaving the block without that forgets them.

        Raises:
            FilesUnavailable: the disk is nearly full.
        """
        self._room.check()
        id_ = UploadId(self._ids())
        await self._store.begin(id_, owner)
        arriving = ArrivingUpload(
            id_, self._blobs.writer(upload_key(id_)), self._store, self._keep_ms
        )
        try:
            yield arriving
        finally:
            if not arriving.kept:
                await arriving.abandon()
                await self._forget(id_)

    async def get(self, upload: UploadId, owner: Owner) -> Upload | None:
        """One of *owner*'s uploads."""
        found = await self._found(upload)
        return found if found is not None and found.owner == owner else None

    async def page(
        self, owner: Owner, *, size: int, before: UploadId | None, after: UploadId | None
    ) -> Sequence[Upload]:
        """Some of *owner*'s uploads, newest first, strictly `before` or `after` one of them."""
        return await self._store.page(owner, size, before, after)

    async def delete(self, upload: UploadId, owner: Owner) -> bool:
        """Forget an upload and its bytes; False if *owner* has no such."""
        if not is_prediction_id(upload) or not await self._store.expire(upload, owner):
            return False
        await self._forget(upload)
        return True

    async def remove_expired(self, most: int) -> tuple[int, bool]:
        """Forget up to *most* uploads whose time is over.

        One whose bytes cannot be deleted now stays, and keeps nobody else's.

        Returns:
            How many, and whether there may be more at once.
        """
        return await self._expired.batch(most)

    async def signing_key(self, owner: Owner) -> bytes:
        """32 bytes with which *owner* signs addresses of downloads; always the same."""
        key = self._signing_keys.get(owner)
        if key is None:
            key = self._signing_keys[owner] = await self._secret(f"files:{owner}")
        return key

    async def signed(self, upload: UploadId, signature: Signature) -> Upload | None:
        """The upload that a signed address opens; None if anything about it is wrong.

        The signature is that of the upload's own owner over `owner id expiry`, and not expired.

        Source: Replicate's HTTP reference, `files.download`.
        """
        found = await self._found(upload)
        # Only an owner who has an upload gets a key made: the name is anybody's guess.
        if found is None or found.owner != signature.owner or self._late(signature.expiry):
            return None
        text = f"{signature.owner} {upload} {signature.expiry}"
        right = hmac.digest(await self.signing_key(found.owner), text.encode(), sha256)
        return found if hmac.compare_digest(right, _unpadded(signature.mac)) else None

    async def _found(self, upload: UploadId) -> Upload | None:
        return await self._store.get(upload) if is_prediction_id(upload) else None

    def _late(self, expiry: str) -> bool:
        plain = expiry.isascii() and expiry.isdigit() and len(expiry) < 13
        return not plain or int(expiry) * 1000 <= self._clock.wall_ms()

    async def _forget(self, upload: UploadId) -> None:
        # The row last: whatever breaks in between is found again by it.
        await self._clear(upload)
        await self._store.remove(upload)

    async def _clear(self, upload: UploadId) -> None:
        await self._blobs.delete_under(upload_prefix(upload))


class ArrivingUpload:
    """An upload whose bytes come in; at most a quarter of a megabyte of them is in memory."""

    def __init__(self, id_: UploadId, writer: BlobWriter, store: UploadStore, keep_ms: int) -> None:
        self.kept = False
        self.size_bytes = 0
        self._id = id_
        self._writer = writer
        self._store = store
        self._keep_ms = keep_ms
        self._gathered = bytearray()

    async def add(self, piece: bytes) -> None:
        """Append *piece*.

        Raises:
            FilesUnavailable: it could not be stored.
        """
        self.size_bytes += len(piece)
        self._gathered += piece
        if len(self._gathered) >= PIECE_BYTES:
            await self._write()

    async def keep(self, *, name: str, content_type: str, metadata: JsonText) -> Upload:
        """All bytes are there: the upload exists once this returns.

        Raises:
            FilesUnavailable: they could not be stored, or took so long that they were given up.
        """
        await self._write()
        described = Described(
            name=name,
            content_type=content_type,
            metadata=metadata,
            digests=await self._writer.finish(),
        )
        upload = await self._store.finish(self._id, described, self._keep_ms)
        if upload is None:
            raise FilesUnavailable("the upload took too long to be stored; send it again")
        self.kept = True
        return upload

    async def abandon(self) -> None:
        """Forget the bytes that have come."""
        await self._writer.abandon()

    async def _write(self) -> None:
        gathered, self._gathered = bytes(self._gathered), bytearray()
        await self._writer.add(gathered)


def _unpadded(mac: str) -> bytes:
    """The bytes of a base64 text of either alphabet; empty if it is none."""
    standard = mac.replace("-", "+").replace("_", "/").replace(" ", "+").rstrip("=")
    try:
        return base64.b64decode(standard + "=" * (-len(standard) % 4), validate=True)
    except (binascii.Error, ValueError):
        return b""
