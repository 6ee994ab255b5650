"""Files of workers that cannot open the store: signed on the way out, looked for on the way in.

Where files are in a bucket, that is every worker; where they are in a folder, those from elsewhere.
A worker never holds the bucket's credentials. What it is given opens the files of its own runs.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence

import msgspec
import structlog

from darkroom.domain.errors import FileMissing, FilesUnavailable
from darkroom.domain.events import Published, Report
from darkroom.domain.model import OutputKind
from darkroom.domain.prediction import StoredFile
from darkroom.ports.buckets import Bucket
from darkroom.protocol.messages import Granted, Job, Know

_log = structlog.get_logger()
FIRST_PUTS: Mapping[str, int] = {OutputKind.FILE: 1, OutputKind.FILES: 4, OutputKind.TEXT: 0}
"""Addresses that travel with a job; few runs give more files, and each is half a kilobyte."""


class RemoteFiles:
    """What the server does for workers that cannot open the file store.

    Args:
        bucket: signs and tells sizes.
        for_all: whether no worker opens the file store, or only those from elsewhere do not.
    """

    def __init__(self, bucket: Bucket, *, for_all: bool = True) -> None:
        self._bucket = bucket
        self.for_all = for_all

    def signing(self, send: Callable[[object], None]) -> Callable[[object], None]:
        """*send* to one worker, with addresses put into what needs them; order is kept."""
        return _Way(self._bucket, send).take

    def check(self, report: Report) -> Awaitable[None] | None:
        """See that every file of *report* is there, as large as its worker says.

        None if there is nothing to see. Its SHA-256 stays the worker's word: to check it, every
        byte would have to be read back.

        Raises:
            FileMissing: one is not there, or has another size.
            FilesUnavailable: the bucket does not say.
        """
        if not self.for_all and report.number == 0:  # a worker beside us has written them
            return None
        files = [one.file for one in report.events if isinstance(one, Published) and one.file]
        return self._all([self._compare(file) for file in files]) if files else None

    async def _all(self, looks: Sequence[Awaitable[None]]) -> None:
        await asyncio.gather(*looks)

    async def _compare(self, file: StoredFile) -> None:
        found = await self._bucket.size_bytes(file.key)
        if found != file.size_bytes:
            raise FileMissing(f"output {file.index} has {found} bytes, not {file.size_bytes}")


class _Way:
    """The way to one worker: what comes while something is being signed waits behind it."""

    def __init__(self, bucket: Bucket, send: Callable[[object], None]) -> None:
        self._bucket = bucket
        self._send = send
        self._outputs: dict[str, str] = {}
        self._waiting: deque[object] = deque()
        self._signing: asyncio.Task[None] | None = None

    def take(self, message: object) -> None:
        """Send *message*, soon."""
        if isinstance(message, Know):
            self._outputs[message.version.id] = message.version.output
        if self._signing is None and not isinstance(message, Job | Granted):
            self._send(message)
            return
        self._waiting.append(message)
        if self._signing is None:
            self._signing = asyncio.ensure_future(self._pass_on())

    async def _pass_on(self) -> None:
        try:
            while self._waiting:
                message = await self._signed(self._waiting.popleft())
                if message is not None:
                    self._send(message)
        finally:
            self._signing = None

    async def _signed(self, message: object) -> object | None:
        """*message* with its addresses; None if it is better not sent."""
        try:
            if isinstance(message, Job):
                return await self._job(message)
            if isinstance(message, Granted):
                (url,) = await self._puts(message.id, message.attempt, [message.index])
                return msgspec.structs.replace(message, url=url)
        except FilesUnavailable as error:
            _log.warning("files.unsigned", error=str(error))
            # A job that never reaches its worker is missed after two beats, and given out again.
            return None if isinstance(message, Job) else message
        return message

    async def _job(self, job: Job) -> Job:
        first = range(FIRST_PUTS.get(self._outputs.get(job.version, ""), 1))
        puts = await self._puts(job.id, job.attempt, first)
        gets = await self._bucket.readable([one.key for one in job.files])
        files = [
            msgspec.structs.replace(one, url=url) for one, url in zip(job.files, gets, strict=True)
        ]
        return msgspec.structs.replace(job, files=files, puts=list(puts))

    async def _puts(self, id_: str, attempt: int, indexes: Sequence[int]) -> Sequence[str]:
        return await self._bucket.writable(
            [f"predictions/{id_}/{attempt}/{index}" for index in indexes]
        )
