"""A bucket by name only: it signs whatever it is asked, and knows the sizes it is told."""

import asyncio
from collections.abc import Sequence

from darkroom.domain.errors import FileMissing, FilesUnavailable
from darkroom.ports.buckets import Bucket


class NamedBucket(Bucket):
    """Addresses are `get:<key>` and `put:<key>`.

    Attributes:
        sizes: by key; None in place of one stands for a bucket that does not say.
        open: while it is clear nothing is signed.
        works: whether there are credentials to sign with.
    """

    def __init__(self) -> None:
        self.sizes: dict[str, int | None] = {}
        self.open = asyncio.Event()
        self.open.set()
        self.works = True

    async def readable(self, keys: Sequence[str]) -> Sequence[str]:
        return await self._signed("get", keys)

    async def writable(self, keys: Sequence[str]) -> Sequence[str]:
        return await self._signed("put", keys)

    async def size_bytes(self, key: str) -> int:
        if key not in self.sizes:
            raise FileMissing("the file is not stored here")
        size = self.sizes[key]
        if size is None:
            raise FilesUnavailable("the file store does not answer as it should")
        return size

    async def _signed(self, verb: str, keys: Sequence[str]) -> Sequence[str]:
        await self.open.wait()
        if not self.works:
            raise FilesUnavailable("the file store refuses the server's credentials")
        return [f"{verb}:{key}" for key in keys]
