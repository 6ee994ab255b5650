"""Bytes by key, and the one door out of the machine."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Protocol


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
