"""A file store elsewhere: how workers reach it without its credentials, and what lies in any store.

Whoever holds a signed address may do one thing with one key until the address expires.
"""

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Protocol

from darkroom.domain.ids import PredictionId
from darkroom.domain.prediction import Milliseconds


class Bucket(Protocol):
    """A file store that workers reach by themselves, with addresses signed here."""

    async def readable(self, keys: Sequence[str]) -> Sequence[str]:
        """An address that gives the bytes of each key.

        Raises:
            FilesUnavailable: there are no credentials to sign with now.
        """
        ...

    async def writable(self, keys: Sequence[str]) -> Sequence[str]:
        """An address that takes the bytes of each key.

        Raises:
            FilesUnavailable: there are no credentials to sign with now.
        """
        ...

    async def size_bytes(self, key: str) -> int:
        """How large the file at *key* is; its bytes are not read.

        Raises:
            FileMissing: there is none.
            FilesUnavailable: the store does not say.
        """
        ...


class SignedFiles(Protocol):
    """The worker's way to a bucket: signed addresses, and nothing else."""

    async def put(self, url: str, data: bytes) -> None:
        """Store *data* where *url* says; what is there already stays.

        Raises:
            FilesUnavailable: it could not be stored, in words that name the cause.
        """
        ...

    async def get(self, url: str) -> bytes:
        """All bytes that *url* gives.

        Raises:
            FileMissing: there are none.
            FilesUnavailable: they could not be read, in words that name the cause.
        """
        ...


class Keeper(Protocol):
    """Whatever takes output files by key: a file store, or a way to one."""

    def put(self, key: str, data: bytes) -> Awaitable[None]:
        """Store *data*.

        Raises:
            FilesUnavailable: it could not be stored.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Lying:
    """A file that lies in a store, whoever knows of it.

    `name` is the store's own and says nothing to others. `half` is what a crash has left of a file
    on its way in.
    """

    name: str
    key: str
    changed_at: Milliseconds
    half: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ShelfPage:
    """Some files of a store; `next` asks for those after them, None if there are no more."""

    found: Sequence[Lying]
    next: str | None


class Shelf(Protocol):
    """What lies in a file store under `predictions/`, a page at a time."""

    async def page(self, after: str | None) -> ShelfPage:
        """The first page, or the one that the last page calls *next*.

        Raises:
            FilesUnavailable: the store cannot be listed now.
        """
        ...

    async def discard(self, names: Sequence[str]) -> None:
        """Delete files by the names that a page gave.

        Raises:
            FilesUnavailable: one of them could not be removed.
        """
        ...


@dataclass(frozen=True, slots=True)
class FilePlace:
    """Where a file of a prediction belongs: an output of an attempt, or with attempt 0 an input."""

    prediction: PredictionId
    attempt: int
    index: int


class KnownFiles(Protocol):
    """Which files of predictions have an owner."""

    async def unknown(self, places: Sequence[FilePlace]) -> Sequence[FilePlace]:
        """Those of *places* that no row names and no open attempt can still name."""
        ...
