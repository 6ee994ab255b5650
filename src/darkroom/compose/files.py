"""Where files are kept: a folder of this machine, or a bucket."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from darkroom.blobs.local import LocalBlobs
from darkroom.domain.errors import InvalidSetting
from darkroom.domain.extras import how_to_install
from darkroom.ports.buckets import Bucket, Shelf
from darkroom.ports.files import Blobs
from darkroom.settings import Settings

if TYPE_CHECKING:
    from darkroom.blobs.s3 import S3Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """The file store, as its several users see it; `bucket` is None for a folder.

    `size_bytes` tells how large the file at a key is, as `Bucket.size_bytes` does.
    """

    blobs: Blobs
    shelf: Shelf
    size_bytes: Callable[[str], Awaitable[int]]
    bucket: Bucket | None = None


async def open_files(stack: AsyncExitStack, settings: Settings) -> Files:
    """Open the file store that the settings name, until *stack* closes.

    Raises:
        InvalidSetting: the bucket cannot be used: no package, no such bucket, wrong credentials.
    """
    if settings.files_url is not None:
        return await _bucket(stack, settings.files_url, settings.files_endpoint)
    blobs = LocalBlobs(settings.data_dir / "files", fsync=settings.fsync_files)
    stack.push_async_callback(blobs.close)
    return Files(blobs=blobs, shelf=blobs, size_bytes=blobs.size_bytes)


def endpoint_of(environment: Mapping[str, str], setting: str | None) -> str | None:
    """Address of the bucket's server; None for Amazon's own.

    Args:
        environment: of this process.
        setting: what the operator set, which wins.
    """
    named = environment.get("AWS_ENDPOINT_URL_S3") or environment.get("AWS_ENDPOINT_URL")
    return setting or named or None


async def _bucket(stack: AsyncExitStack, url: str, setting: str | None) -> Files:
    store = await asyncio.to_thread(bucket_store, url, setting)
    from darkroom.blobs.objects import ObjectBlobs
    from darkroom.blobs.s3 import S3Bucket

    blobs = ObjectBlobs(store)
    stack.push_async_callback(blobs.close)
    bucket = S3Bucket(store, blobs)
    return Files(blobs=blobs, shelf=blobs, size_bytes=bucket.size_bytes, bucket=bucket)


def bucket_store(url: str, setting: str | None) -> "S3Store":
    """The bucket at *url*, tried once; may take 5 s.

    Args:
        url: `s3://…`, as checked by the settings.
        setting: the address of its server that the operator set.

    Raises:
        InvalidSetting: it cannot be used: no package, no such bucket, wrong credentials.
    """
    try:
        from darkroom.blobs.s3 import open_bucket, try_bucket
    except ModuleNotFoundError as error:
        raise InvalidSetting(
            f"files_url: an s3:// address needs a package more; {how_to_install('s3')}"
        ) from error
    endpoint = endpoint_of(os.environ, setting)
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    try_bucket(url, endpoint=endpoint, region=region)
    return open_bucket(url, endpoint=endpoint, region=region)
