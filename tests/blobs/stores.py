"""Every file store there is, made afresh for one test."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeAlias

import obstore
import pytest
from obstore.store import MemoryStore
from tests.support.buckets import S3Server

from darkroom.blobs.local import LocalBlobs
from darkroom.blobs.objects import ObjectBlobs, listing
from darkroom.blobs.s3 import S3Bucket, open_bucket

Blobs: TypeAlias = LocalBlobs | ObjectBlobs


@asynccontextmanager
async def local(folder: Path) -> AsyncGenerator[LocalBlobs]:
    blobs = LocalBlobs(folder / "files")
    try:
        yield blobs
    finally:
        await blobs.close()


@asynccontextmanager
async def memory() -> AsyncGenerator[ObjectBlobs]:
    blobs = ObjectBlobs(MemoryStore())
    try:
        yield blobs
    finally:
        await blobs.close()


@asynccontextmanager
async def bucket(
    server: S3Server, patch: pytest.MonkeyPatch, *, endpoint: str | None = None
) -> AsyncGenerator[tuple[ObjectBlobs, S3Bucket]]:
    """Files under a prefix of their own, which is empty again afterwards."""
    for name, value in server.environment.items():
        patch.setenv(name, value)
    store = open_bucket(
        server.place(), endpoint=endpoint or server.environment.get("AWS_ENDPOINT_URL")
    )
    blobs = ObjectBlobs(store)
    try:
        yield blobs, S3Bucket(store, blobs)
    finally:
        left = [one["path"] for page in listing(store, None) for one in page]
        if left:
            obstore.delete(store, left)
        await blobs.close()
