"""From the JSON a client sent to what a runner is given: defaults filled, files fetched."""

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, cast

import msgspec

from darkroom.domain.errors import FileMissing, InputUnusable
from darkroom.domain.model import Json, JsonScalar
from darkroom.ports.files import Blobs, Fetcher
from darkroom.ports.running import PictureDecoder
from darkroom.protocol.messages import Bytes, FieldSpec, FileRef, Job, Pixels, VersionSpec
from darkroom.service import data_urls
from darkroom.worker import magic

MAX_BYTES_A_RUN = 64 * 2**20
_FILE = "file"
_INTEGER = "integer"

_decode = msgspec.json.Decoder(dict[str, object]).decode


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """What a run is given. `bulk_bytes` is how much file data it carries."""

    values: dict[str, JsonScalar]
    files: dict[str, Bytes | Pixels] = field(default_factory=dict[str, Bytes | Pixels])
    bulk_bytes: int = 0


class Addressed(Protocol):
    """Files that come with a signed address."""

    async def get(self, url: str) -> bytes:
        """See `ports.buckets.SignedFiles`."""
        ...


class Inputs:
    """Prepares the inputs of runs.

    Args:
        blobs: where the server has put files that do not travel inside the row.
        signed: the way to those that come with a signed address.
        fetcher: the door for http(s) URLs.
        decoder: makes pixels for versions that ask for them.
        limit_bytes: the largest file fetched from a URL.
    """

    def __init__(
        self,
        *,
        blobs: Blobs,
        signed: Addressed,
        fetcher: Fetcher,
        decoder: PictureDecoder,
        limit_bytes: int,
    ) -> None:
        self._blobs = blobs
        self._signed = signed
        self._fetcher = fetcher
        self._decoder = decoder
        self._limit_bytes = limit_bytes

    def at_once(self, version: VersionSpec, job: Job) -> Prepared | None:
        """Prepare without waiting; None if files must be fetched or decoded: call `prepare`.

        Raises:
            InputUnusable: names the input and says what is wrong with it.
        """
        values, files = _split(version, job)
        if not files:
            return Prepared(values=values)
        if version.pixels or any(isinstance(file, FileRef) for file in files.values()):
            return None
        ready: dict[str, Bytes | Pixels] = {}
        for name, file in files.items():
            if not isinstance(file, str) or not data_urls.is_data_url(file):
                return None
            ready[name] = _as_bytes(_named(name, file))
        return _checked(values, ready)

    async def prepare(self, version: VersionSpec, job: Job, folder: Path) -> Prepared:
        """Fetch all files at once, and decode them if *version* wants pixels.

        Args:
            version: what is run.
            job: the run.
            folder: made if needed; takes decoded pictures.

        Raises:
            InputUnusable: names the input and says what is wrong with it.
            FilesUnavailable: the file store gives nothing now.
        """
        values, files = _split(version, job)
        if version.pixels:
            await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
        fetched = await _all(
            [self._file(name, file, folder, version) for name, file in files.items()]
        )
        return _checked(values, dict(zip(files, fetched, strict=True)))

    async def _file(
        self, name: str, file: str | FileRef, folder: Path, version: VersionSpec
    ) -> Bytes | Pixels:
        try:
            data = await self._bytes(file)
            if not version.pixels:
                return _as_bytes(data)
            magic.require_picture(data)
            return await self._decoder.decode(data, folder / name)
        except (InputUnusable, FileMissing) as error:
            raise InputUnusable(f"input {name}: {error}") from error

    async def _bytes(self, file: str | FileRef) -> bytes:
        if isinstance(file, FileRef):
            if file.url is not None:
                return await self._signed.get(file.url)
            return await self._blobs.get(file.key)
        if data_urls.is_data_url(file):
            return data_urls.decode(file)
        if file[:8].lower().startswith(("http://", "https://")):
            return await self._fetcher.fetch(file, limit_bytes=self._limit_bytes)
        raise InputUnusable("this is neither an http(s) URL nor a data: URL")


def _split(
    version: VersionSpec, job: Job
) -> tuple[dict[str, JsonScalar], dict[str, str | FileRef]]:
    try:
        given = cast("Mapping[str, Json]", _decode(job.input))
    except msgspec.MsgspecError as error:
        raise InputUnusable(f"the input is not a JSON object: {error}") from error
    kept = {ref.path[0]: ref for ref in job.files if ref.path}
    values: dict[str, JsonScalar] = {}
    files: dict[str, str | FileRef] = {}
    for one in version.fields:
        ref = kept.get(one.name) if one.type == _FILE else None
        value = ref or _value(one, given.get(one.name))
        if isinstance(value, FileRef):
            files[one.name] = value
        elif one.type != _FILE:
            values.update({} if value is None else {one.name: value})
        elif isinstance(value, str):
            files[one.name] = value
        elif value is not None:
            raise InputUnusable(f"input {one.name}: this is neither an http(s) URL nor a data: URL")
    return values, files


def _value(one: FieldSpec, value: Json) -> JsonScalar:
    if value is None:
        return one.default
    if not isinstance(value, str | int | float):
        raise InputUnusable(f"input {one.name}: a single value is needed, not a list or object")
    if one.type == _INTEGER and isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _named(name: str, url: str) -> bytes:
    try:
        return data_urls.decode(url)
    except InputUnusable as error:
        raise InputUnusable(f"input {name}: {error}") from error


def _as_bytes(data: bytes) -> Bytes:
    return Bytes(magic.picture_type(data) or magic.UNKNOWN, data)


def _checked(values: dict[str, JsonScalar], files: dict[str, Bytes | Pixels]) -> Prepared:
    bulk = sum(len(file.data) for file in files.values() if isinstance(file, Bytes))
    if bulk > MAX_BYTES_A_RUN:
        limit = MAX_BYTES_A_RUN // 2**20
        raise InputUnusable(f"the files of this input are larger than {limit} MiB together")
    return Prepared(values=values, files=files, bulk_bytes=bulk)


async def _all(fetching: Sequence[Awaitable[Bytes | Pixels]]) -> list[Bytes | Pixels]:
    """Await all; the first fault ends the others and is raised as it is."""
    tasks = [asyncio.ensure_future(one) for one in fetching]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
