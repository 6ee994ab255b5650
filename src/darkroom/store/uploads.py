"""Files that clients upload, as a table of a database."""

from collections.abc import Awaitable, Sequence
from typing import TypeAlias, cast

from darkroom.domain.ids import Owner
from darkroom.domain.prediction import JsonText, Milliseconds
from darkroom.ports.files import Aged, Described, Upload, UploadId
from darkroom.store.database import Database, rows_of
from darkroom.store.rows import ABOVE_ALL_IDS, BEFORE_ALL, Row

ARRIVAL_MS = 15 * 60_000
"""How long the bytes of an upload may take before it is given up; routes allow five minutes."""

_UploadRow: TypeAlias = tuple[str, str, str, str, int, str, str, str, int, int]


class UploadTables:
    """Satisfies UploadStore."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(self, upload: UploadId, owner: Owner) -> Awaitable[object]:
        """Announce bytes."""
        announced = {"id": upload, "owner": owner, "arrival_ms": ARRIVAL_MS}
        return self._database.write(lambda: rows_of("begin_upload", announced))

    async def finish(self, upload: UploadId, described: Described, keep_ms: int) -> Upload | None:
        """All bytes are stored."""
        finished = {
            "id": upload,
            "name": described.name,
            "content_type": described.content_type,
            "size_bytes": described.digests.size_bytes,
            "sha256": described.digests.sha256,
            "md5": described.digests.md5,
            "metadata": described.metadata,
            "keep_ms": keep_ms,
        }
        found = await self._database.write(lambda: rows_of("finish_upload", finished))
        return _upload(found[0]) if found else None

    async def get(self, upload: UploadId) -> Upload | None:
        """One upload."""
        found = await self._database.read(rows_of("upload", {"id": upload}))
        return _upload(found[0]) if found else None

    async def page(
        self, owner: Owner, size: int, before: UploadId | None, after: UploadId | None
    ) -> Sequence[Upload]:
        """Some of an owner's uploads, newest first."""
        if after is not None:
            asked = {"owner": owner, "edge": after, "size": size}
            return _uploads(await self._database.read(rows_of("uploads_up", asked)))[::-1]
        asked = {"owner": owner, "edge": before or ABOVE_ALL_IDS, "size": size}
        return _uploads(await self._database.read(rows_of("uploads_down", asked)))

    async def expire(self, upload: UploadId, owner: Owner) -> bool:
        """Let an upload end now."""
        asked = {"id": upload, "owner": owner}
        return bool(await self._database.write(lambda: rows_of("expire_upload", asked)))

    async def expired(
        self, most: int, past: Aged[UploadId] | None = None
    ) -> Sequence[Aged[UploadId]]:
        """What has expired."""
        past_at, past_id = past or BEFORE_ALL
        asked = {"most": most, "past_at": past_at, "past": past_id}
        found = await self._database.read(rows_of("expired_uploads", asked))
        return [Aged(*row) for row in cast("list[tuple[Milliseconds, UploadId]]", found)]

    def remove(self, upload: UploadId) -> Awaitable[object]:
        """Forget an expired upload."""
        return self._database.write(lambda: rows_of("remove_upload", {"id": upload}))


def _uploads(rows: Sequence[Row]) -> Sequence[Upload]:
    return [_upload(row) for row in rows]


def _upload(row: Row) -> Upload:
    (
        id_, owner, name, content_type, size_bytes, sha256, md5, metadata, created_at, expires_at,
    ) = cast("_UploadRow", row)  # fmt: skip
    return Upload(
        id=UploadId(id_),
        owner=Owner(owner),
        name=name,
        content_type=content_type,
        size_bytes=size_bytes,
        sha256=sha256,
        md5=md5,
        metadata=JsonText(metadata),
        created_at=Milliseconds(created_at),
        expires_at=Milliseconds(expires_at),
    )
